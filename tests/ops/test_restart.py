"""A switch that restarts the host ends committed, or on the system it had before."""

from __future__ import annotations

import pytest

from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import Completed, HostKeyError
from tests.ops.conftest import Stack, eventually

pytestmark = [pytest.mark.lab, pytest.mark.requirement("S0-67", "S4-34")]

RESTARTS = {"reboot": {"seconds": 20}}


def test_what_only_a_boot_brings_in_is_started_once_confirmed_and_then_the_default(
    stack: Stack,
) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r2", reboot="once")
    assert stack.switch("r2", **RESTARTS) == 0, stack.report
    assert "release r2 is rebooting" in stack.report
    assert (stack.running(), stack.boots(), stack.committed()) == ("r2", "r2", "r2")
    words = [
        [word for word in map(str, line["arguments"]) if not word.startswith("/")][:1]
        for line in stack.lab.log("pi")
        if line["command"] in ("bootctl", "boot", "nix-env")
    ]
    assert ["set-oneshot"] in words
    booted = [line["arguments"] for line in stack.lab.log("pi") if line["command"] == "boot"]
    assert len(booted) == 1
    assert stack.phases() == ["committed", "committed"]
    eventually(lambda: not stack.units())


def test_until_it_is_confirmed_every_other_start_is_the_old_system(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r1", reboot="once")
    stack.lab.hosts["pi"].add_faults({"unit": "never.service"})
    runner = stack.start_switch(
        "r1", confirm={"seconds": 60, "units": ["never.service"]}, **RESTARTS
    )
    eventually(lambda: stack.phases() == ["awaiting"])
    assert (stack.running(), stack.boots()) == ("r1", "as-installed")
    oneshot = stack.lab.root("pi") / "sys/firmware/efi/efivars/LoaderEntryOneShot"
    assert not oneshot.exists()
    stack.lab.clear_faults("pi")
    assert runner.wait(60) == 0
    assert (stack.running(), stack.boots()) == ("r1", "r1")


def test_a_kernel_that_does_not_come_up_leaves_the_old_system_and_says_so(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    stack.lab.inject_fault("pi", "kernel-panics")
    stack.bring("r2", reboot="once")
    assert stack.switch("r2", **RESTARTS) == 1
    assert "was rolled back; the host is as before (release r1)" in stack.report
    assert "the host was restarted to start it, and came up with" in stack.report
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    stack.lab.clear_faults("pi")
    stack.lab.inject_fault("pi", "needs-restart")
    assert stack.switch("r2", **RESTARTS) == 0, stack.report
    assert (stack.running(), stack.boots()) == ("r2", "r2")


def test_what_comes_up_and_is_not_confirmed_is_restarted_into_the_old_system(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r1", reboot="once")
    stack.lab.hosts["pi"].add_faults({"unit": "never.service"})
    unwell = {"seconds": 8, "units": ["never.service"]}
    assert stack.switch("r1", confirm=unwell, **RESTARTS) == 1
    assert "unit never.service is not active" in stack.report
    assert (stack.running(), stack.boots()) == ("as-installed", "as-installed"), stack.report
    assert stack.phases() == ["rolled_back"]
    booted = [line["arguments"] for line in stack.lab.log("pi") if line["command"] == "boot"]
    assert len(booted) == 2


def test_a_host_that_never_returns_is_a_bounded_error_with_what_is_known(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "never-returns")
    stack.bring("r1", reboot="once")
    short = {"reboot": {"seconds": 2}, "grace_seconds": 1, "confirm": {"seconds": 1}}
    assert stack.switch("r1", **short) == 1
    assert "did not come back within 2 s after its restart" in stack.report
    assert "turn it off and on: it starts the old system" in stack.report
    assert "it was told to restart at 20" in stack.report


def test_without_a_word_in_the_stack_nothing_is_restarted(stack: Stack) -> None:
    """And what could not be switched to live stops before anything is activated."""
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r1", allowed=1)
    assert stack.switch("r1") == 1
    assert (
        "while the old system runs (init-interface-version differs); set hosts.pi.reboot: {}"
        in stack.report
    )
    assert stack.phases() == []


def test_a_client_that_is_killed_during_the_restart_finds_the_attempt_again(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r1", reboot="once")
    runner = stack.start_switch("r1", **RESTARTS)
    eventually(lambda: stack.phases() == ["rebooting"])
    runner.kill()
    runner.communicate()
    assert stack.switch("r1", **RESTARTS) == 0, stack.report
    assert "resumes deployment" in stack.report
    assert stack.phases() == ["committed"]
    assert (stack.running(), stack.boots()) == ("r1", "r1")


@pytest.mark.requirement("S4-08")
def test_generations_beyond_the_limit_go_where_the_stack_says_so(stack: Stack) -> None:
    """After a commit, and never what runs or ran before."""
    for number in range(1, 5):
        stack.bring(f"r{number}")
        assert stack.switch(f"r{number}") == 0
    profiles = stack.lab.root("pi") / "nix/var/nix/profiles"
    assert len(list(profiles.glob("system-*-link"))) == 5
    stack.bring("r5")
    assert stack.switch("r5", clean_up=True, boot={"limit": 2}) == 0, stack.report
    eventually(lambda: not stack.units())
    left = {path.readlink().name.rpartition("-")[2] for path in profiles.glob("system-*-link")}
    # What was booted stays, too.
    assert left == {"installed", "r4", "r5"}


def test_an_initrd_that_asks_for_a_password_is_not_taken_for_an_impostor(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers SSH at the host's address with a key of its own, until somebody unlocks the disk."""
    real, met = HostLink.ask, list[str]()

    async def ask(link: HostLink, *question: str | float | None) -> Completed:
        restarts = "is activating" in stack.report or "is rebooting" in stack.report
        if restarts and stack.phases() == ["rebooting"]:
            met.append("another key")
            raise HostKeyError("pi: another host key")
        return await real(link, *question)  # type: ignore[arg-type]

    monkeypatch.setattr(HostLink, "ask", ask)
    stack.lab.inject_fault("pi", "needs-restart")
    stack.bring("r1", reboot="once")
    assert stack.switch("r1", **RESTARTS) == 0, stack.report
    assert met
    assert stack.committed() == "r1"
