"""`homelab service test`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab.hardening.model import UnitHardening
from homelab.ops.service import exposure
from tests import build, stackdir
from tests.cli.test_cli import call

__all__ = ["call"]

FACTS = """\
ports: {web: 8099}
dynamic_user: true
state: [/var/lib/private/microbin]
options:
  services.microbin.enable: true
  services.microbin.settings.MICROBIN_BIND: {$text: "{bind}"}
  services.microbin.settings.MICROBIN_PORT: {$port: web}
"""
MICROBIN: dict[str, Any] = {"services": {"microbin": {"host": "nas", "name": "paste"}}}
MONITORED: dict[str, Any] = {
    "services": {**MICROBIN["services"], "gatus": {"host": "pi"}, "homepage": {"host": "pi"}}
}
ROWS = (
    "units",
    "options",
    "port",
    "route",
    "sign-in",
    "secrets",
    "state",
    "backup",
    "sandbox",
    "monitor",
    "tile",
)


def write(place: Path, facts: str = FACTS, changes: dict[str, Any] = MICROBIN) -> None:
    """The stack with these facts in a file beside it."""
    stackdir.write_stack(place, changes)
    (place / "services").mkdir(exist_ok=True)
    (place / "services/microbin.yaml").write_text(facts, encoding="utf-8")


def rows(said: Any, host: str = "nas") -> dict[str, Any]:
    """The rows of a host, with a text for those that are empty."""
    data = json.loads(said.out)
    return {**data["hosts"][host], **data["missing"][host]}


def test_every_row_of_a_sound_service_says_what_homelab_does(call: Any, tmp_path: Path) -> None:
    write(tmp_path, changes=MONITORED)
    said = call("service", "test", "microbin", "--json")
    assert said.code == 0
    found = rows(said)
    assert tuple(json.loads(said.out)["hosts"]["nas"]) == ROWS
    assert found["units"] == ["microbin"]
    assert found["options"][0] == "3 set"
    assert found["options"][1].startswith("3 not in the option list, so Nix checks them: services.")
    assert found["port"] == [
        "web 8099/tcp at 0.0.0.0, the firewall opens it to 192.168.1.2",
    ]
    assert found["route"] == [
        "https://paste.home.example.org for operator, to http://192.168.1.3:8099"
    ]
    assert found["sign-in"] == ["paste.home.example.org: none"]
    assert found["state"] == ["/var/lib/private/microbin"]
    assert found["backup"] == ["to b2 at 05:57, tier service, no database to dump"]
    assert found["sandbox"][0].startswith("microbin: the baseline")
    assert found["monitor"] == ["https://paste.home.example.org/ every 60s"]
    assert found["tile"] == ["Microbin in Tools"]
    assert found["secrets"] == "none; write secrets: {NAME: {}} if it reads one"


def test_the_table_has_the_same_rows(call: Any, tmp_path: Path) -> None:
    write(tmp_path)
    said = call("service", "test", "microbin")
    assert said.code == 0
    assert said.out.startswith("microbin on nas")
    names = [line.split("│")[1].strip() for line in said.out.splitlines() if line[:1] == "│"]
    assert tuple(n for n in names if n) == ROWS
    assert "- none; add services.gatus: {host: …}" in said.out
    assert "- none; add services.homepage: {host: …}" in said.out


@pytest.mark.parametrize("name", ["jellyfin", "miniflux", "caddy"])
def test_services_of_the_catalog_can_be_tested(call: Any, tmp_path: Path, name: str) -> None:
    services = {"jellyfin": {"host": "nas"}, "miniflux": {"host": "nas"}}
    stackdir.write_stack(tmp_path, {"services": services})
    said = call("service", "test", name, "--json")
    assert said.code == 0
    data = json.loads(said.out)
    assert [p for p in data["problems"] if p["severity"] == "error"] == []
    (host,) = data["hosts"]
    assert data["hosts"][host]["options"]


def test_a_dump_and_sandbox_exceptions_are_shown(call: Any, tmp_path: Path) -> None:
    more = "database: sqlite\ndumps: [{sqlite: /var/lib/private/microbin/db}]\n"
    write(tmp_path, FACTS + more + "hardening: {jit: true}\n")
    found = rows(call("service", "test", "microbin", "--json"))
    assert "after a dump: sqlite /var/lib/private/microbin/db" in found["backup"][0]
    assert "without memory-deny-write-execute" in found["sandbox"][0]
    write(tmp_path, FACTS + "hardening: {exempt: it needs everything}\n")
    found = rows(call("service", "test", "microbin", "--json"))
    assert found["sandbox"] == ["microbin: none: it needs everything"]


def test_a_database_on_another_host_is_the_state(call: Any, tmp_path: Path) -> None:
    away = {"host": "pi", "databases": {"postgresql": {"host": "nas"}}}
    stackdir.write_stack(tmp_path, {"services": {"miniflux": away}})
    found = rows(call("service", "test", "miniflux", "--json"), "pi")
    assert found["state"] == ["a database in postgresql on nas"]


def test_contradictions_in_the_facts_exit_with_1_at_their_line(call: Any, tmp_path: Path) -> None:
    write(tmp_path, FACTS.replace("dynamic_user: true\n", ""))
    said = call("service", "test", "microbin")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: services/microbin.yaml:2: catalog.microbin.state: ")
    assert line.endswith("[facts-agree]")


def test_only_problems_of_the_service_are_shown(call: Any, tmp_path: Path) -> None:
    wrong = {"services": {**MICROBIN["services"], "jellyfin": {"host": "nass"}}}
    write(tmp_path, changes=wrong)
    assert call("check").code == 1
    said = call("service", "test", "microbin")
    assert said.code == 0
    assert "jellyfin" not in said.out


def test_facts_without_a_service_are_tested(call: Any, tmp_path: Path) -> None:
    write(tmp_path, FACTS.replace("{bind}", "{bnid}"), {})
    said = call("service", "test", "microbin")
    assert said.code == 1
    assert "$text has no field {bnid}" in said.out
    assert "it runs on no host; add services.microbin: {host: …}" in said.out


def test_an_unknown_host_is_the_only_problem(call: Any, tmp_path: Path) -> None:
    """Not also that the service runs on no host."""
    write(tmp_path, changes={"services": {"microbin": {"host": "aurora"}}})
    said = call("service", "test", "microbin")
    assert said.code == 1
    assert 'there is no host "aurora"' in said.out
    assert "runs on no host" not in said.out


def test_an_unknown_service_is_one_line_with_the_nearest_name(call: Any, tmp_path: Path) -> None:
    write(tmp_path)
    said = call("service", "test", "micrbin")
    assert said.code == 2
    assert said.err.startswith(
        'error: the stack has no service "micrbin"; did you mean "microbin"?'
    )


def test_a_damaged_file_is_one_line(call: Any, tmp_path: Path) -> None:
    write(tmp_path, "ports: {web: 8099\nstate: []\n")
    said = call("service", "test", "microbin")
    assert said.code == 1
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: services/microbin.yaml:")


@pytest.fixture
def unit() -> UnitHardening:
    plan = build.plan({"services": {"jellyfin": {"host": "nas"}}})
    return next(u for u in plan.units_on("nas") if u.unit == "jellyfin")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_exposure_is_lower_with_the_sandbox(unit: UnitHardening) -> None:
    bare = UnitHardening(**{**vars(unit), "settings": ()})
    with_baseline = exposure(unit, "jellyfin", dynamic=False)
    assert float(with_baseline.split()[0]) < 4 < float(exposure(bare, "", dynamic=False).split()[0])


def test_without_systemd_analyze_there_is_no_level(
    unit: UnitHardening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert exposure(unit, "jellyfin", dynamic=False) == ""


def test_schema_prints_that_of_a_file_with_facts(call: Any) -> None:
    schema = json.loads(call("schema", "--service").out)
    assert schema["additionalProperties"] is False
    assert "extends" in schema["properties"]
    assert "config" in json.loads(call("schema").out)["properties"]


def test_an_error_elsewhere_that_names_the_service_is_shown(call: Any, tmp_path: Path) -> None:
    """A missing backup target is one problem of all services, at none of them."""
    write(tmp_path)
    without_target(tmp_path)
    said = call("service", "test", "microbin")
    assert said.code == 1
    assert "nothing is backed up of microbin" in said.out
    assert "nothing is wrong" not in said.out


def test_errors_elsewhere_are_counted(call: Any, tmp_path: Path) -> None:
    skip = {"host": "nas", "backup": {"skip": "pastes expire"}}
    write(tmp_path, changes={"services": {"microbin": skip, "jellyfin": {"host": "nas"}}})
    without_target(tmp_path)
    said = call("service", "test", "microbin")
    assert said.code == 0
    assert "nothing is wrong with microbin; `homelab check` shows 1 error elsewhere" in said.out


def without_target(place: Path) -> None:
    """Remove the backup target of the stack file."""
    file = place / f"Pulumi.{stackdir.NAME}.yaml"
    content = yaml.safe_load(file.read_text())
    del content["config"]["homelab:backup"]
    file.write_text(yaml.safe_dump(content))
