"""Dashboards of Grafana, and its own sign-in behind the auth proxy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

HASH = "sha256-1DE1aaanRHHeCOMWDGdOS1wBXxOF84UXAjJzT5Ek6mM="
NODES = {"id": 1860, "revision": 37, "hash": HASH}
ASKED: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
GATED = {"audience": "family", "auth": "forward"}


def grafana(**said: object) -> Changes:
    return {
        **ASKED,
        "services": {"prometheus": {"host": "nas"}, "grafana": {"host": "nas", **said}},
    }


@pytest.mark.requirement("S1-11", "S0-49")
def test_a_dashboard_is_a_file_of_grafana_with_its_hash_and_data_source() -> None:
    text = build.render(grafana(dashboards=[NODES]))["nas"]["measurements.nix"]
    assert 'environment.etc."grafana-dashboards/1860.json".source' in text
    assert f'hash = "{HASH}";' in text
    assert 'sources.prometheus = "Prometheus";' in text
    assert 'options.path = "/etc/grafana-dashboards";' in text
    assert "lib/dashboard.nix" in build.render(grafana(dashboards=[NODES]))["nas"]
    assert "lib/dashboard.nix" not in build.render(grafana())["nas"]


MEASURED = {"node-exporter": {"host": "nas"}}
TARGETS = "lib/targets.json"


@pytest.mark.requirement("S4-37")
@pytest.mark.parametrize("source", ["prometheus", "victoriametrics"])
def test_grafana_has_the_targets_of_the_hosts_that_a_node_exporter_measures(source: str) -> None:
    services = {source: {"host": "nas"}, "grafana": {"host": "nas"}, **MEASURED}
    files = build.render({"services": services})["nas"]
    text = files["measurements.nix"]
    assert '"grafana-dashboards/homelab-targets.json".source = ./lib/targets.json;' in text
    assert 'options.path = "/etc/grafana-dashboards";' in text
    assert json.loads(files[TARGETS])["uid"] == "homelab-targets"
    # No dashboard of grafana.com is stated, so nothing is downloaded.
    assert "lib/dashboard.nix" not in files


@pytest.mark.requirement("S4-37")
def test_without_measurements_there_are_no_targets() -> None:
    assert TARGETS not in build.render(grafana())["nas"]
    logs = {"loki": {"host": "nas"}, "grafana": {"host": "nas"}}
    assert TARGETS not in build.render({"services": logs})["nas"]


EXPORTED = {
    *("node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", "node_zfs_arc_size"),
    *("node_disk_io_time_seconds_total", "node_load5", "node_cpu_seconds_total"),
    "systemd_boot_monotonic_seconds",
}
"""Metrics of the node exporter with its default collectors, and of the systemd exporter 0.7.0."""
GRAFANA_OWN = {"__rate_interval"}


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [t for inner in value.values() for t in _strings(inner)]
    if isinstance(value, list):
        return [t for inner in value for t in _strings(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.requirement("S4-37")
def test_each_figure_has_a_target_that_its_reader_can_change() -> None:
    text = resources.files("homelab.monitoring").joinpath("targets.json").read_text("utf-8")
    board = json.loads(text)
    variables = {v["name"]: v for v in board["templating"]["list"]}
    asked = {name for name, v in variables.items() if v["type"] == "textbox"}
    assert asked == {"memory", "boot", "disk", "load"}
    assert all(float(variables[name]["query"]) > 0 for name in asked)
    met, *figures = board["panels"]
    queries = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    used = {name for q in queries for name in re.findall(r"\$(\w+)", q)}
    assert used - GRAFANA_OWN == asked | {"host"}
    assert {n for q in queries for n in re.findall(r"\b(?:node|systemd)_\w+", q)} == EXPORTED
    for panel, state in zip(figures, met["targets"], strict=True):
        value, target = (t["expr"] for t in panel["targets"])
        (name,) = re.findall(r"^vector\(\$(\w+)", target)
        assert name in asked
        assert state["expr"] == f"({value}) <= bool ({target[len('vector(') : -1]})"
    sources = set(_strings([t["datasource"] for p in board["panels"] for t in p["targets"]]))
    assert sources == {"prometheus", "${source}"}
    assert all(q.count(a) == q.count(b) for q in queries for a, b in ("()", "{}", "[]"))
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])


@pytest.mark.requirement("S1-11")
def test_a_hash_without_its_padding_is_refused() -> None:
    """With the hash as it has to be."""
    with pytest.raises(InvalidStackError, match=f"write {re.escape(HASH)}$"):
        build.plan(grafana(dashboards=[{**NODES, "hash": HASH.rstrip("=")}]))
    with pytest.raises(InvalidStackError, match="of which the last is ="):
        build.plan(grafana(dashboards=[{**NODES, "hash": HASH.rstrip("=")[:-1]}]))


INPUTS = [
    {"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"},
    {"name": "DS_OTHER", "type": "datasource", "pluginId": "influxdb"},
    {"name": "VAR", "type": "constant", "value": "1"},
]


@pytest.mark.parametrize(
    ("dashboard", "expected"),
    [
        (
            {"__inputs": INPUTS, "panels": [{"datasource": {"uid": "${DS_PROM}"}, "x": "${VAR}"}]},
            {"panels": [{"datasource": {"uid": "My Prometheus"}, "x": "${VAR}"}]},
        ),
        (
            {"__inputs": INPUTS, "panels": [{"datasource": "${DS_OTHER}", "id": 1}]},
            {"panels": [{"datasource": "${DS_OTHER}", "id": 1}]},
        ),
        ({"title": "plain ${a}"}, {"title": "plain ${a}"}),
    ],
)
@pytest.mark.requirement("S1-11")
def test_inputs_of_a_dashboard_become_data_sources(
    dashboard: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    """With the program that the host runs when it builds."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not on PATH")
    text = resources.files("homelab.monitoring").joinpath("dashboard.nix").read_text("utf-8")
    (program,) = re.findall(r"program = ''\n(.*?)'';", text, re.DOTALL)
    words = ["jq", "--argjson", "sources", '{"prometheus": "My Prometheus"}']
    done = subprocess.run(
        [*words, program.replace("''${", "${")],
        input=json.dumps(dashboard),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == expected


@pytest.mark.requirement("S1-13")
def test_recovery_shows_the_sign_in_of_grafana_and_warns() -> None:
    shut = build.render(grafana(routes=[GATED]))["nas"]["services/grafana.nix"]
    assert "disable_login_form = true;" in shut
    changes = grafana(routes=[GATED], recovery=True)
    assert "disable_login_form = false;" in build.render(changes)["nas"]["services/grafana.nix"]
    (problem,) = build.found(changes, "recovery-useful")
    assert (problem.severity, problem.where) == ("warning", "services.grafana.recovery")
    assert not build.found(grafana(routes=[GATED]), "recovery-useful")
