"""What a person asks of hosts by name: how they are, back again, let go."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.cli import app
from homelab.deploy.model import Release
from homelab.deploy.status import section
from homelab.ops import hosts
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from tests import build, stackdir
from tests.ops.conftest import LAN, PIN, TAILNET, Stack, eventually

pytestmark = pytest.mark.long


@pytest.fixture
def plan() -> Plan:
    """A stack of the lab's two hosts."""
    lan = {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}}
    return build.plan(
        {
            "network": lan,
            "deploy": {"confirm_seconds": 30, "activation_seconds": 30},
            "hosts": {
                "pi": {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}},
                "nas": {"address": {"lan": "192.168.1.9", "tailnet": None}},
            },
        }
    )


def told(plan: Plan, **releases: str) -> str:
    """The hosts' part of `homelab status`."""
    wanted = {h: Release(r, h, ()) for h, r in releases.items()}
    return section(hosts.read_hosts(plan, wanted)).text


def ok(plan: Plan, host: str, **releases: str) -> bool:
    wanted = {h: Release(r, h, ()) for h, r in releases.items()}
    return next(h.ok for h in hosts.read_hosts(plan, wanted) if h.name == host)


def back(plan: Plan, host: str = "pi", to: str = "before") -> list[str]:
    said: list[str] = []
    hosts.roll_back(plan, "home", host, to, said.append)
    return said


def test_every_host_is_asked_and_says_how_it_is(stack: Stack, plan: Plan) -> None:
    """One that is as the stack wants it has nothing more to say."""
    stack.bring("r1")
    assert stack.switch("r1") == 0
    assert told(plan, pi="r1").splitlines() == [
        "hosts",
        "  nas  none",
        "       runs no release of homelab yet",
        "  pi   r1",
    ]
    assert "the stack wants r2 (not here yet); the next `up` switches it" in told(plan, pi="r2")


def test_a_host_that_does_not_answer_is_an_answer(stack: Stack, plan: Plan) -> None:
    stack.lab.inject_fault("nas", "unreachable")
    assert "! does not answer: nas over lan" in told(plan)
    assert not ok(plan, "nas")
    assert ok(plan, "pi")


def test_drift_and_failed_units_need_a_person(stack: Stack, plan: Plan) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    running = stack.lab.root("pi") / "run/current-system"
    theirs = stack.lab.root("pi") / "nix/store/theirs"
    theirs.mkdir()
    running.unlink()
    running.symlink_to(theirs)
    (stack.lab.root("pi") / "run/lab-failed-units").write_text("broken.service\n")
    text = told(plan, pi="r1")
    assert f"! runs {theirs}, which homelab did not commit" in text
    assert "homelab rollback pi --to current" in text
    assert "! failed units: broken.service" in text
    assert not ok(plan, "pi", pi="r1")


@pytest.mark.requirement("S0-36")
def test_a_backup_that_is_too_old_needs_a_person(stack: Stack, plan: Plan) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    program = stack.lab.directory / "bin/homelab-backup"
    program.write_text("#!/bin/sh\necho $LATE\n")
    program.chmod(0o755)
    assert ok(plan, "pi", pi="r1")
    program.write_text("#!/bin/sh\necho late app was last backed up to b2 on 2026-01-05\n")
    assert "! backups are too old: app was last backed up to b2 on 2026-01-05" in told(
        plan, pi="r1"
    )
    assert not ok(plan, "pi", pi="r1")


def test_a_kernel_that_waits_for_a_boot_is_said(stack: Stack, plan: Plan) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    root = stack.lab.root("pi")
    (root / "run/current-system/kernel").write_text("new")
    booted = root / "run/booted-system"
    booted.unlink(missing_ok=True)
    booted.mkdir()
    (booted / "kernel").write_text("old")
    assert "a reboot is needed" in told(plan, pi="r1")
    assert ok(plan, "pi", pi="r1")


def test_a_rollback_is_a_switch_like_any_other(stack: Stack, plan: Plan) -> None:
    """Confirmed, the boot default, with the secrets of that release; and the way forward is said."""
    for release in ("r1", "r2"):
        stack.bring(release, token=f"of {release}")
        assert stack.switch(release) == 0
    said = back(plan)
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    assert (stack.state / "secrets/r1/token").read_text() == "of r1"
    assert "deploy.again" in said[-1]
    assert 'once the stack has deploy.again: {pi: "…"}' in told(plan, pi="r2")
    assert stack.switch("r2", again="a word") == 0, stack.report
    assert stack.running() == "r2"


def test_what_somebody_switched_by_hand_goes_back_to_what_was_committed(
    stack: Stack, plan: Plan
) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    running = stack.lab.root("pi") / "run/current-system"
    theirs = stack.lab.root("pi") / "nix/store/theirs"
    theirs.mkdir()
    (theirs / "bin").symlink_to(running.resolve() / "bin")
    running.unlink()
    running.symlink_to(theirs)
    back(plan, to="current")
    assert stack.running() == "r1"


def test_there_must_be_something_to_go_back_to(stack: Stack, plan: Plan) -> None:
    with pytest.raises(HomelabError, match=r"pi: there is no previous release; boot an older"):
        back(plan)
    with pytest.raises(UsageError, match=r'no host "pie"; did you mean "pi"\?'):
        back(plan, "pie")


def unlock(plan: Plan, *, force: bool = False) -> list[str]:
    said: list[str] = []
    hosts.unlock(plan, "pi", said.append, force=force)
    return said


def _awaiting(stack: Stack) -> Callable[[], bool]:
    return lambda: stack.phases() == ["awaiting"]


def test_nothing_to_let_go_of_is_said(stack: Stack, plan: Plan) -> None:
    assert unlock(plan) == ["pi: nothing holds this host"]


def test_a_switch_that_goes_on_is_left_alone_unless_forced(stack: Stack, plan: Plan) -> None:
    """Forced, it is rolled back: the host is as before."""
    stack.bring("r1")
    client = stack.start_unconfirmed("r1")
    eventually(_awaiting(stack))
    client.kill()
    client.wait()
    with pytest.raises(
        HomelabError, match=r"is in progress \(awaiting\); wait until it ends.*--force"
    ):
        unlock(plan)
    assert stack.phases() == ["awaiting"]
    said = unlock(plan, force=True)
    assert "is being rolled back" in said[-1]
    eventually(lambda: stack.phases() == ["rolled_back"])
    assert stack.running() == "as-installed"


def test_a_script_that_holds_the_lock_is_named_and_ended_when_forced(
    stack: Stack, plan: Plan
) -> None:
    """A killed `pulumi up` leaves its remote process running, and the build that this one began."""
    lock = stack.state / "lock"
    stack.remote(
        f"mkdir -p {stack.state}; exec 9<>{lock}\n"
        f'(flock 9; echo "a build (pid $BASHPID, since now, for me)" >{lock}; sleep 60; true) '
        ">/dev/null 2>&1 &\n"
    )
    eventually(lambda: lock.exists() and "a build" in lock.read_text())
    with pytest.raises(HomelabError, match=r"held by a build .*--force"):
        unlock(plan)
    said = unlock(plan, force=True)
    assert "pi: stopping a build" in said[0]
    assert said[-1] == "pi: nothing holds this host"


def test_a_switch_does_not_wait_for_the_removal_of_old_releases(stack: Stack, plan: Plan) -> None:
    root = stack.lab.root("pi")
    find = stack.lab.directory / "bin/find"
    find.write_text(
        f'#!/bin/sh\nuntil [ -e {root}/go ]; do sleep 0.05; done\nexec /usr/bin/find "$@"\n'
    )
    find.chmod(0o755)
    stack.bring("r1")
    (root / "run/homelab-watch").mkdir()
    os.mkfifo(root / "run/homelab-watch/test")
    watching = os.open(root / "run/homelab-watch/test", os.O_RDWR | os.O_NONBLOCK)
    assert stack.switch("r1") == 0
    assert stack.committed() == "r1"
    assert "homelab-activate" in stack.units()
    # The phases activating, awaiting, committing and committed, the confirmation, and the release.
    for _ in range(6):
        eventually(lambda: select.select([watching], [], [], 0)[0])
        assert os.read(watching, 1) == b"\n"
    os.close(watching)
    with pytest.raises(HomelabError, match="wait, or end it with --force"):
        unlock(plan)
    (root / "go").touch()
    assert unlock(plan) == ["pi: nothing holds this host"]
    eventually(lambda: not stack.units())


def test_the_command_line_asks_goes_back_and_lets_go(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`homelab status`, `rollback` and `unlock` find the stack's hosts and say how it went."""
    config = {
        "network": {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}},
        "hosts": {
            "pi": {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}},
            "nas": {"address": {"lan": "192.168.1.9", "tailnet": None}},
        },
    }
    directory = stackdir.write_stack(tmp_path / "stack", config)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["homelab", *words, "-C", str(directory)])
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return int(str(code or 0)), said.out + said.err

    for release in ("r1", "r2"):
        stack.bring(release)
        assert stack.switch(release) == 0
    code, said = run("status", "hosts")
    assert code == 0, said
    assert "the stack wants " in said
    code, said = run("rollback", "pi")
    assert (code, stack.running()) == (0, "r1"), said
    assert run("unlock", "pi") == (0, "pi: nothing holds this host\n")
    stack.lab.inject_fault("nas", "unreachable")
    assert run("status", "hosts")[0] == 1
    code, said = run("status", "pi")
    assert "nas" not in said, "only pi is asked"
    assert "the stack wants " in said
    code, said = run("status", "pj")
    assert code == 2
    assert 'there is no host "pj"; did you mean "pi"?' in said
