"""What a person sees of a host: generations, journal, a shell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homelab.cli.app import app
from homelab.deploy import scripts
from homelab.ops import look
from homelab.ops.machine.host import HostPath
from homelab.plan import Plan
from homelab.problems import UsageError
from tests import build
from tests.deploy.conftest import Machine, make_machine
from tests.ops.conftest import LAN, PIN, TAILNET, Stack

pytestmark = pytest.mark.requirement("S0-67")


@pytest.fixture
def plan() -> Plan:
    """A stack of the lab's two hosts."""
    lan = {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}}
    pi = {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}}
    nas = {"address": {"lan": "192.168.1.9", "tailnet": None}}
    services = {"jellyfin": {"host": "nas"}}
    return build.plan({"network": lan, "hosts": {"pi": pi, "nas": nas}, "services": services})


def test_generations_name_the_release_and_what_runs_and_boots(stack: Stack, plan: Plan) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    newest, *older = look.generations(plan, "pi")
    assert newest.version == "r1"
    assert newest.marks == ("running", "default")
    assert newest.date.endswith("Z")
    assert [g.number for g in older] == sorted((g.number for g in older), reverse=True)
    assert all(g.number < newest.number for g in older)


def test_a_system_of_homelab_has_its_release(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    profiles = machine.root / "nix/var/nix/profiles"
    system = machine.root / "nix/store/abc-nixos-system-pi"
    (system / "etc/homelab").mkdir(parents=True)
    (system / "etc/homelab/release").write_text("1f2e3d\n")
    (system / "nixos-version").write_text("25.11.1")
    kernel = machine.root / "nix/store/xyz-linux-6.12.58/bzImage"
    kernel.parent.mkdir()
    kernel.touch()
    (system / "kernel").symlink_to(kernel)
    (profiles / "system-12-link").symlink_to(system)
    first = machine.succeed(scripts.generations_script()).splitlines()[0]
    found = look.Generation.parse(first)
    assert (found.number, found.release, found.version, found.kernel) == (
        *(12, "1f2e3d", "25.11.1", "6.12.58"),
    )
    assert found.marks == ()


def test_looking_at_generations_changes_nothing(tmp_path: Path) -> None:
    machine: Machine = make_machine(tmp_path)

    def tree() -> list[tuple[Path, int]]:
        return sorted((p, p.lstat().st_mtime_ns) for p in machine.root.rglob("*"))

    before = tree()
    machine.succeed(scripts.generations_script())
    assert tree() == before


def test_logs_are_of_the_units_of_a_service_of_the_host(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def follow(_link: object, script: str, _report: object) -> int:
        sent.append(script)
        return 0

    monkeypatch.setattr("homelab.ops.machine.host.HostLink.follow", follow)
    look.follow_logs(plan, "nas", "jellyfin", 7, print, follow=True)
    for word in ("journalctl", "--lines=7", "--follow", "--unit=jellyfin.service"):
        assert word in sent[0]
    with pytest.raises(UsageError, match='pi runs no service "jellyfin"'):
        look.follow_logs(plan, "pi", "jellyfin", 7, print, follow=False)
    with pytest.raises(UsageError, match='did you mean "nas"'):
        look.follow_logs(plan, "nass", "", 7, print, follow=False)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no command ssh")
def test_ssh_uses_the_path_that_answers_and_the_pinned_key(
    stack: Stack, plan: Plan, capfd: pytest.CaptureFixture[str]
) -> None:
    assert stack
    assert look.open_shell(plan, "pi", ["/bin/sh", "-c", "echo 'a  b'; exit 3"]) == 3
    assert capfd.readouterr().out == "a  b\n"
    # One word is a line of the shell, as with ssh.
    assert look.open_shell(plan, "pi", ["echo one | tr n N; exit 4"]) == 4
    assert capfd.readouterr().out == "oNe\n"


def test_a_command_on_the_machine_itself_runs_as_one_over_ssh(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = build.plan({"hosts": {"nas": {"ssh": {"local": True}, "reboot": None}}})

    async def working(_link: object) -> list[str]:
        return ["local"]

    monkeypatch.setattr("homelab.ops.machine.host.HostLink.working_paths", working)
    monkeypatch.setattr("homelab.ops.look.DialMap.from_environment", lambda: None)
    for command, code, out in (
        (["/bin/sh", "-c", "echo 'a  b'; exit 3"], 3, "a  b\n"),
        (["echo one | tr n N; exit 4"], 4, "oNe\n"),
        (["no-such-program"], 127, ""),
    ):
        assert look.open_shell(plan, "nas", command) == code
        assert capfd.readouterr().out == out


def test_ssh_refuses_another_host_key(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    path = HostPath(name="lan", address="192.168.1.9", port=2222, user="sam")
    words = look.ssh_command("nas", path, PIN, known, None)
    assert known.read_text() == f"nas {PIN}\n"
    assert "-oStrictHostKeyChecking=yes" in words
    assert "-oHostKeyAlias=nas" in words
    assert words[-2:] == ["--", "192.168.1.9"]


def test_the_shell_completes_commands() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert "--install-completion" in done.stdout
    assert "logs" in done.stdout
