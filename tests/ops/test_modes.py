"""A release that is tested, prepared for the next boot, or only tried; and what keeps it."""

from __future__ import annotations

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.status import HostFacts, HostStatus
from homelab.ops import hosts
from homelab.problems import HomelabError
from tests import build
from tests.ops.conftest import LAN, PIN, TAILNET, Stack, eventually, flake

pytestmark = [pytest.mark.lab, pytest.mark.requirement("S0-66")]

UNWELL = {"seconds": 1, "units": ["caddy.service"]}
"""A confirmation that waits for a unit that a fault keeps from being active."""


def committed(stack: Stack) -> None:
    """The release r1 is committed, and r2 is built."""
    stack.bring("r1", token="first")
    assert stack.switch("r1") == 0
    stack.bring("r2", token="second")


def where(stack: Stack) -> tuple[str, str, str]:
    """The release that runs, the one that boots, and the committed one."""
    return stack.running(), stack.boots(), stack.committed()


def facts(stack: Stack) -> HostFacts:
    return HostFacts.parse(stack.remote(scripts.status_script("r2")))


def no_test_is_left(stack: Stack) -> None:
    """The host notes that after it has told the client of the commit."""
    eventually(lambda: facts(stack)["provisional"] == "")


def notes(stack: Stack) -> str:
    return "\n".join(HostStatus("pi", "r2", facts(stack)).notes())


def reboot(stack: Stack) -> None:
    """As a person does it: the host starts its boot default."""
    eventually(lambda: not stack.units())
    boot_id = stack.lab.root("pi") / "proc/sys/kernel/random/boot_id"
    before = boot_id.read_text()
    stack.remote(scripts.command_script(["systemctl", "--no-block", "reboot"]))
    eventually(lambda: boot_id.read_text() != before and stack.lab.hosts["pi"].answers(LAN))


def activated(stack: Stack, before: int) -> list[object]:
    """Activations since this line of the log."""
    log = stack.lab.log("pi")[before:]
    words = [e["arguments"] for e in log if e["command"] == "switch-to-configuration"]
    return [w for w in words if isinstance(w, list) and w[-1] in ("test", "switch")]


def test_a_test_runs_and_is_confirmed_and_a_reboot_ends_it(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0, stack.report
    assert where(stack) == ("r2", "r1", "r1")
    assert stack.phases() == ["committed", "tested"]
    assert "release r2 runs as a test; a reboot returns to release r1" in stack.report
    assert "runs release r2 as a test" in notes(stack)

    reboot(stack)
    assert where(stack) == ("r1", "r1", "r1")
    assert "the test of release r2 ended with a reboot" in notes(stack)


def test_a_test_that_is_not_confirmed_is_rolled_back(stack: Stack) -> None:
    committed(stack)
    stack.lab.hosts["pi"].add_faults({"unit": "caddy.service"})
    assert stack.switch("r2", mode="test", confirm=UNWELL) == 1
    assert where(stack) == ("r1", "r1", "r1")
    no_test_is_left(stack)


def test_a_second_test_asks_once_and_a_switch_then_commits(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0
    eventually(lambda: not stack.units())
    before = len(stack.lab.log("pi"))
    assert stack.switch("r2", mode="test") == 0
    assert stack.lab.log("pi")[before:] == []
    assert stack.switch("r2") == 0, stack.report
    assert where(stack) == ("r2", "r2", "r2")
    no_test_is_left(stack)


def test_another_release_follows_a_test_without_a_word_about_changes_by_hand(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0
    stack.bring("r3")
    stack.lab.inject_fault("pi", "activate-fails")
    assert stack.switch("r3") == 1
    assert stack.running() == "r2", "it goes back to the test"
    assert facts(stack)["provisional-release"] == "r2"
    stack.lab.clear_faults("pi")
    assert stack.switch("r3") == 0, stack.report
    assert where(stack) == ("r3", "r3", "r3")


def test_a_commit_that_fails_on_top_of_a_test_leaves_the_committed_boot_default(
    stack: Stack,
) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0
    stack.bring("r3")
    stack.lab.inject_fault("pi", "boot-fails")
    assert stack.switch("r3") == 1
    assert where(stack) == ("r2", "r1", "r1"), "the test runs again, and no boot starts it"
    assert stack.phases() == ["committed", "tested", "rolled_back"]
    assert facts(stack)["provisional-release"] == "r2"
    stack.lab.clear_faults("pi")
    reboot(stack)
    assert where(stack) == ("r1", "r1", "r1")


def test_a_switch_back_to_the_committed_release_ends_a_test(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0
    assert stack.switch("r1") == 0, stack.report
    assert where(stack) == ("r1", "r1", "r1")
    no_test_is_left(stack)


def test_new_secrets_of_a_tested_release_wait_for_its_next_activation(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test", secrets_version="1") == 0
    stack.bring("r2", token="third")
    secret = stack.state / "secrets/r2/token"
    assert secret.read_text() == "second"
    assert stack.switch("r2", mode="test", secrets_version="2") == 0
    assert secret.read_text() == "third"
    assert facts(stack)["provisional-secrets"] == "2"


def test_boot_changes_the_boot_default_and_nothing_that_runs(stack: Stack) -> None:
    committed(stack)
    before = len(stack.lab.log("pi"))
    assert stack.switch("r2", mode="boot") == 0, stack.report
    assert where(stack) == ("r1", "r2", "r1")
    assert stack.phases() == ["committed", "prepared"]
    assert activated(stack, before) == []
    assert "starts at the next boot; after it: homelab confirm pi" in stack.report
    assert "release r2 starts at the next boot" in notes(stack)
    eventually(lambda: not stack.units())
    assert stack.switch("r2", mode="boot") == 0
    assert stack.phases() == ["committed", "prepared"], "a second run begins nothing"


def test_after_the_boot_a_switch_checks_and_commits(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="boot") == 0
    reboot(stack)
    assert stack.running() == "r2"
    assert "! has booted release r2, which is not confirmed: homelab confirm pi" in notes(stack)
    assert stack.switch("r2") == 0, stack.report
    assert where(stack) == ("r2", "r2", "r2")
    no_test_is_left(stack)


def test_a_booted_release_that_does_not_pass_goes_back_to_the_one_before(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="boot") == 0
    reboot(stack)
    stack.lab.hosts["pi"].add_faults({"unit": "caddy.service"})
    assert stack.switch("r2", confirm=UNWELL) == 1
    assert "was rolled back; the host is as before (release r1)" in stack.report
    assert where(stack) == ("r1", "r1", "r1")


def test_a_boot_loader_that_fails_leaves_the_old_boot_default(stack: Stack) -> None:
    committed(stack)
    stack.lab.inject_fault("pi", "boot-fails")
    before = len(stack.lab.log("pi"))
    assert stack.switch("r2", mode="boot") == 1
    assert "could not be made the boot default" in stack.report
    assert where(stack) == ("r1", "r1", "r1")
    assert activated(stack, before) == [], "nothing was activated, so nothing is undone"
    no_test_is_left(stack)


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    committed(stack)
    phases, before = stack.phases(), len(stack.lab.log("pi"))
    assert stack.switch("r2", mode="dry") == 0, stack.report
    assert where(stack) == ("r1", "r1", "r1")
    assert stack.phases() == phases
    commands = [(line["command"], line["arguments"]) for line in stack.lab.log("pi")[before:]]
    asked = [words for _, words in commands if "dry-activate" not in str(words)]
    assert [words[:2] for words in asked] == [["--query", "--requisites"]] * 2
    assert "pi: would activate the configuration..." in stack.report
    assert "pi: changed file: default.nix" in stack.report
    assert "pi: gone from the system: nixos-system-pi-r1" in stack.report
    assert "pi: new in the system: nixos-system-pi-r2" in stack.report
    assert "a reboot is needed" not in stack.report
    assert "dry run; release r2 is not deployed" in stack.report


def test_what_only_boots_can_be_prepared_and_not_tested(stack: Stack) -> None:
    committed(stack)
    stack.lab.inject_fault("pi", "needs-restart")
    stack.remote(scripts.stage_script("r3", flake("r3")))
    stack.remote(
        scripts.build_script("r3", DeployPolicy("pi", mode="test", reboot="once")), allowed=1
    )
    assert stack.switch("r3", mode="test", reboot={}) == 1
    assert "so it cannot be tested; set hosts.pi.mode: boot" in stack.report
    stack.remote(scripts.build_script("r3", DeployPolicy("pi", mode="boot", reboot="once")))
    assert stack.switch("r3", mode="boot", reboot={}) == 0, stack.report
    assert (stack.running(), stack.boots()) == ("r1", "r3")


LAB = {
    "network": {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}},
    "deploy": {"mode": "boot", "confirm_seconds": 30, "activation_seconds": 30},
    "hosts": {
        "pi": {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}},
        "nas": {"address": {"lan": "192.168.1.9", "tailnet": None}},
    },
}


def test_confirm_keeps_what_was_booted_and_says_what_it_waits_for(stack: Stack) -> None:
    plan, said = build.plan(LAB), list[str]()
    stack.bring("r1")
    assert stack.switch("r1") == 0
    with pytest.raises(HomelabError, match="there is nothing to confirm"):
        hosts.confirm(plan, "home", "pi", said.append)
    stack.bring("r2", token="second")
    assert stack.switch("r2", mode="boot", secrets_version="7", again="once more") == 0
    with pytest.raises(HomelabError, match="reboot it first: homelab ssh pi systemctl reboot"):
        hosts.confirm(plan, "home", "pi", said.append)
    reboot(stack)
    hosts.confirm(plan, "home", "pi", said.append)
    assert where(stack) == ("r2", "r2", "r2")
    assert stack.switch("r2", mode="boot", secrets_version="7", again="once more") == 0
    assert "already committed and running" in stack.report, "the next up has nothing to do"


def test_a_rollback_to_the_committed_release_ends_a_test(stack: Stack) -> None:
    committed(stack)
    assert stack.switch("r2", mode="test") == 0
    hosts.roll_back(build.plan(LAB), "home", "pi", "current", list[str]().append)
    assert where(stack) == ("r1", "r1", "r1"), "at once, though the mode of the stack is boot"
    no_test_is_left(stack)


def two_committed(stack: Stack) -> None:
    """The releases r0 and then r1 are committed, and r2 is built."""
    stack.bring("r0", token="zeroth")
    assert stack.switch("r0") == 0
    committed(stack)


@pytest.mark.parametrize("mode", ["test", "boot", "booted"])
def test_a_rollback_of_what_is_not_committed_goes_back_to_what_is(stack: Stack, mode: str) -> None:
    two_committed(stack)
    assert stack.switch("r2", mode="test" if mode == "test" else "boot") == 0
    if mode == "booted":
        reboot(stack)
    said = list[str]()
    hosts.roll_back(build.plan(LAB), "home", "pi", "", said.append)
    assert where(stack) == ("r1", "r1", "r1")
    no_test_is_left(stack)
    assert "is not committed; goes back to release r1, which is" in said[0]


def test_after_a_test_has_ended_a_rollback_goes_to_the_release_before(stack: Stack) -> None:
    two_committed(stack)
    assert stack.switch("r2", mode="test") == 0
    reboot(stack)
    hosts.roll_back(build.plan(LAB), "home", "pi", "", list[str]().append)
    assert where(stack) == ("r0", "r0", "r0")


def test_a_named_release_is_taken_at_its_word(stack: Stack) -> None:
    two_committed(stack)
    assert stack.switch("r2", mode="test") == 0
    hosts.roll_back(build.plan(LAB), "home", "pi", "before", list[str]().append)
    assert where(stack) == ("r0", "r0", "r0")


def test_no_test_takes_the_place_of_a_prepared_boot(stack: Stack) -> None:
    committed(stack)
    stack.bring("r3")
    assert stack.switch("r2", mode="boot") == 0
    for release in ("r2", "r3"):
        assert stack.switch(release, mode="test") == 1
        assert "release r2 is prepared for the next boot: reboot, then" in stack.report
        assert "or return to release r1 (homelab rollback pi --to current)" in stack.report
    assert where(stack) == ("r1", "r2", "r1")
    reboot(stack)
    assert stack.switch("r3", mode="test") == 1
    assert "release r2 was booted and is not confirmed" in stack.report
    hosts.confirm(build.plan(LAB), "home", "pi", list[str]().append)
    assert where(stack) == ("r2", "r2", "r2")
    assert stack.switch("r3", mode="test") == 0, stack.report
    assert "a reboot returns to release r2" in stack.report


def test_no_boot_is_prepared_while_a_test_runs(stack: Stack) -> None:
    committed(stack)
    stack.bring("r3")
    assert stack.switch("r2", mode="test") == 0
    assert stack.switch("r3", mode="boot") == 1
    assert "release r2 runs as a test: confirm it (homelab confirm pi)" in stack.report
    assert where(stack) == ("r2", "r1", "r1")
    reboot(stack)
    assert stack.switch("r3", mode="boot") == 0, stack.report


def test_another_prepared_boot_goes_back_to_the_committed_release(stack: Stack) -> None:
    committed(stack)
    stack.bring("r3")
    assert stack.switch("r2", mode="boot") == 0
    assert stack.switch("r3", mode="boot") == 0, stack.report
    reboot(stack)
    stack.lab.hosts["pi"].add_faults({"unit": "caddy.service"})
    assert stack.switch("r3", confirm=UNWELL) == 1
    assert where(stack) == ("r1", "r1", "r1")
    no_test_is_left(stack)
