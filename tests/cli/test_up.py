"""`homelab up`: the run of Pulumi that it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.components.targets import hosts_alone
from homelab.deploy.modes import TARGET, mode_of
from homelab.ops.deploy.up import pulumi_up
from homelab.problems import UsageError
from tests import build, stackdir
from tests.cli.test_cli import call
from tests.system.test_ssh_config import MAC

__all__ = ["call"]
pytestmark = pytest.mark.requirement("S0-66")


@pytest.mark.parametrize(
    ("hosts", "mode", "alone"),
    [
        ([], None, False),
        ([], "test", False),
        ([], "dry", True),
        (["nas"], None, True),
        (["nas", "pi"], "dry", True),
    ],
)
def test_a_run_for_hosts_contacts_no_cloud(hosts: list[str], mode: Any, alone: bool) -> None:
    words, variables = pulumi_up(build.plan(), hosts, mode, yes=False)
    assert words == ["pulumi", "up"]
    assert hosts_alone(variables) is alone
    assert mode_of(variables) == mode


def test_another_host_whose_name_begins_so_is_not_meant() -> None:
    _, variables = pulumi_up(build.plan(), ["pi"], None, yes=True)
    targets = variables[TARGET].split(",")
    assert "**:Command::pi-switch" in targets
    assert not [t for t in targets if t.endswith("pi-*")]


def test_a_home_and_an_unknown_host_have_a_way_out() -> None:
    plan = build.plan({"hosts": {"mac": MAC}})
    with pytest.raises(UsageError, match="mac is managed by home-manager only"):
        pulumi_up(plan, ["mac"], None, yes=False)
    with pytest.raises(UsageError, match='did you mean "nas"'):
        pulumi_up(plan, ["nsa"], None, yes=False)


def test_it_becomes_pulumi_and_shows_how(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "tools/pulumi"
    tool.parent.mkdir()
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    ran: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, words, environment: ran.append((words, environment)))
    said = call("up", "nas", "--mode", "dry", "--yes")
    assert said.code == 0, said.err
    ((words, environment),) = ran
    assert words[:5] == ["pulumi", "up", "--yes", "--stack", stackdir.NAME]
    assert environment["HOMELAB_MODE"] == "dry"
    assert "HOMELAB_MODE='dry' PULUMI_OPTION_TARGET='**:Host::nas," in said.err
