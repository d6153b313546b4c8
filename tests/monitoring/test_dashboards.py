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
