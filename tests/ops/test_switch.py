"""A switch ends committed, or the host is as it was; and the report says which, and why."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.status import HostFacts
from homelab.ops.deploy import switch
from tests.ops.conftest import LAN, PIN, TAILNET, Stack, eventually

pytestmark = pytest.mark.lab

SHORT = {"confirm": {"seconds": 1}}


def test_a_release_goes_all_the_way(stack: Stack) -> None:
    stack.bring("r1", token="s3cret")
    assert stack.switch("r1") == 0
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    assert (stack.state / "secrets/r1/token").read_text() == "s3cret"
    assert stack.phases() == ["committed"]
    eventually(lambda: not stack.units())


def test_nothing_boots_a_system_before_it_is_confirmed(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    asked = [
        (line["command"], [word for word in map(str, words) if not word.startswith("/")])
        for line in stack.lab.log("pi")
        if isinstance(words := line["arguments"], list)
        and line["command"] in ("systemd-run", "switch-to-configuration", "nix-env")
    ]
    names = [(command, words[0] if command != "nix-env" else words[1]) for command, words in asked]
    looks = {("switch-to-configuration", "check"), ("switch-to-configuration", "dry-activate")}
    assert [n for n in names if n not in looks] == [
        ("systemd-run", "--quiet"),
        ("systemd-run", "--quiet"),
        ("switch-to-configuration", "test"),
        ("nix-env", "--set"),
        ("switch-to-configuration", "boot"),
    ]
    armed, begun = (words for command, words in asked if command == "systemd-run")
    assert "--unit=homelab-rollback" in armed, "the rollback is armed before anything starts"
    assert "--unit=homelab-activate" in begun


def test_a_second_run_asks_once_and_changes_nothing(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    eventually(lambda: not stack.units())
    asked, before = len(stack.lab.log("pi")), stack.lab.connections["pi"]
    assert stack.switch("r1") == 0
    assert stack.lab.connections["pi"] == before + 1
    assert stack.lab.log("pi")[asked:] == [], "it only reads files"
    assert "already committed and running" in stack.report


def test_a_confirmation_comes_over_every_path_that_worked_before(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    (deployment,) = stack.state.glob("deployments/*")
    assert (deployment / "paths").read_text() == "lan tailnet\n"


def test_a_host_that_loses_its_network_goes_back_by_itself(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    stack.bring("r2")
    stack.lab.inject_fault("pi", "loses-network")
    assert stack.switch("r2", **SHORT) == 1
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    assert "release r2 was rolled back; the host is as before (release r1)" in stack.report
    assert "why: not confirmed within 1 s" in stack.report
    assert "tried: confirm: pi over lan" in stack.report
    assert "next: " in stack.report

    stack.lab.clear_faults("pi")
    assert stack.switch("r2") == 0
    assert (stack.running(), stack.boots(), stack.committed()) == ("r2", "r2", "r2")
    assert stack.phases() == ["committed", "rolled_back", "committed"]


def test_a_path_that_worked_before_and_not_after_is_not_confirmed(stack: Stack) -> None:
    stack.bring("r1")
    runner = stack.start_switch("r1", confirm={"seconds": 3, "units": ["slow.service"]})
    # Until the unit is well nothing can be confirmed, so there is time to cut the second path.
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    eventually(lambda: stack.phases() == ["awaiting"])
    stack.lab.inject_fault("pi", "unreachable", TAILNET)
    stack.lab.hosts["pi"].add_faults({"unit": ""})
    output, _ = runner.communicate(timeout=60)
    assert runner.returncode == 1
    assert "tried: confirm: pi over tailnet" in output
    assert stack.running() == "as-installed"


def test_a_path_that_did_not_work_before_is_not_asked_for(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.inject_fault("pi", "unreachable", LAN)
    assert stack.switch("r1") == 0


def test_a_unit_that_is_not_active_is_not_confirmed(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "caddy.service"})
    assert stack.switch("r1", confirm={"seconds": 1, "units": ["caddy.service"]}) == 1
    assert "unit caddy.service is not active" in stack.report
    assert stack.running() == "as-installed"


def test_a_failed_activation_is_rolled_back_with_its_log(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.inject_fault("pi", "activate-fails")
    assert stack.switch("r1") == 1
    assert stack.running() == "as-installed"
    assert "test ended with 4; failed: broken.service" in stack.report
    assert "the following units failed: broken.service" in stack.report
    assert "no release of homelab" in stack.report


@pytest.mark.requirement("S0-67")
def test_a_unit_that_had_failed_before_is_no_reason_to_go_back(stack: Stack) -> None:
    """Exit code 4 says that units failed, and not since when."""
    stack.bring("r1")
    stack.lab.inject_fault("pi", "activate-fails")
    (stack.lab.root("pi") / "run/lab-failed-units").write_text("broken.service\n")
    assert stack.switch("r1") == 0, stack.report
    assert (stack.running(), stack.boots()) == ("r1", "r1")


@pytest.mark.requirement("S0-67")
def test_a_unit_that_may_fail_is_no_reason_to_go_back(stack: Stack) -> None:
    """The stack says which."""
    stack.bring("r1")
    stack.lab.inject_fault("pi", "activate-fails")
    assert stack.switch("r1", may_fail=["other.service"]) == 1
    assert stack.switch("r1", may_fail=["broken.service"]) == 0, stack.report


def test_a_host_that_somebody_switched_by_hand_is_left_alone_until_the_stack_says_so(
    stack: Stack,
) -> None:
    """A word in the stack, another one each time, switches it again."""
    stack.bring("r1")
    assert stack.switch("r1") == 0
    running = stack.lab.root("pi") / "run/current-system"
    theirs = stack.lab.root("pi") / "nix/store/theirs"
    theirs.mkdir()
    (theirs / "nixos-version").write_text("theirs\n")
    (theirs / "bin").symlink_to(running.resolve() / "bin")
    running.unlink()
    running.symlink_to(theirs)
    stack.bring("r2", allowed=1)
    assert stack.switch("r2") == 1
    assert "which homelab did not commit" in stack.report
    assert stack.running() == "theirs"
    assert stack.switch("r2", again="3 May") == 0, stack.report
    assert (stack.running(), stack.committed()) == ("r2", "r2")


PROBES = [
    {"kind": "unit", "name": "tailnet", "target": "tailscaled.service"},
    {"kind": "dns", "name": "resolver", "target": "news.home.example.org"},
    {"kind": "http", "name": "app-news", "target": "http://127.0.0.1:8080/healthcheck"},
]


def probed(seconds: int) -> dict[str, object]:
    return {"confirm": {"seconds": seconds, "probes": PROBES}}


@pytest.mark.requirement("S4-34")
def test_what_a_host_is_for_still_answers_or_it_goes_back(stack: Stack) -> None:
    """The resolver and the apps, asked on the host itself."""
    stack.bring("r1")
    assert stack.switch("r1", **probed(30)) == 0, stack.report
    stack.bring("r2")
    stack.lab.inject_fault("pi", "services-stop")
    assert stack.switch("r2", **probed(2)) == 1
    assert stack.running() == "r1"
    assert "answered before the switch, and does not now: app-news resolver" in stack.report


@pytest.mark.requirement("S4-34")
def test_what_did_not_answer_before_is_no_reason_to_go_back(stack: Stack) -> None:
    """And what is new may take its time; both are in the log."""
    stack.lab.root("pi").joinpath("run/lab-down").touch()
    stack.bring("r1")
    assert stack.switch("r1", **probed(30)) == 0, stack.report
    log = next(stack.state.glob("deployments/*/log")).read_text()
    assert "does not answer yet: app-news" in log


def test_an_activation_that_hangs_is_ended_and_rolled_back(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.inject_fault("pi", "activate-hangs")
    assert stack.switch("r1", activation_seconds=1, **SHORT) == 1
    assert stack.running() == "as-installed"
    assert "neither activated nor confirmed within 2 s" in stack.report
    assert "hung.service" in stack.report


def test_a_boot_loader_that_fails_takes_the_profile_back_too(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    stack.bring("r2")
    stack.lab.inject_fault("pi", "boot-fails")
    assert stack.switch("r2") == 1
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    profile = stack.lab.root("pi") / "nix/var/nix/profiles/system"
    assert (profile / "nixos-version").read_text() == "r1\n"


def test_going_back_to_the_old_release_after_a_rollback_is_nothing_to_do(stack: Stack) -> None:
    stack.bring("r1")
    assert stack.switch("r1") == 0
    stack.bring("r2")
    stack.lab.inject_fault("pi", "activate-fails")
    assert stack.switch("r2") == 1
    stack.bring("r1")
    assert stack.switch("r1") == 0
    assert "already committed and running" in stack.report


def test_going_back_after_a_commit_is_a_switch_like_any_other(stack: Stack) -> None:
    for release in ("r1", "r2", "r1"):
        stack.bring(release)
        assert stack.switch(release) == 0
        assert (stack.running(), stack.boots()) == (release, release)


def test_old_releases_go_and_the_one_before_stays(stack: Stack) -> None:
    stack.bring("r1", token="1")
    stack.bring("r2", token="2")
    for release in ("r1", "r2"):
        assert stack.switch(release) == 0
    stack.bring("r3", token="3")
    stack.bring("r4", token="4")
    assert stack.switch("r3") == 0
    eventually(lambda: not stack.units())
    assert {p.name for p in (stack.state / "releases").iterdir()} == {"r2", "r3", "r4"}
    assert {p.name for p in (stack.state / "secrets").glob("r*")} == {"r2", "r3", "r4"}


def test_a_host_whose_client_was_killed_goes_back_by_itself(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "never.service"})
    runner = stack.start_switch("r1", confirm={"seconds": 2, "units": ["never.service"]})
    eventually(lambda: stack.phases() == ["awaiting"])
    assert stack.running() == "r1"
    runner.kill()
    runner.communicate()
    eventually(lambda: stack.phases() == ["rolled_back"])
    assert stack.running() == "as-installed"
    eventually(lambda: not stack.units())


def test_the_timer_rolls_back_when_the_supervisor_is_gone_too(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "never.service"})
    more = {"activation_seconds": 1, "confirm": {"seconds": 4, "units": ["never.service"]}}
    runner = stack.start_switch("r1", **more)
    eventually(lambda: stack.phases() == ["awaiting"])
    runner.kill()
    runner.communicate()
    # As the out-of-memory killer would, without a word to anyone.
    stack.remote("systemctl stop homelab-activate.service </dev/null || true")
    eventually(lambda: stack.phases() == ["rolled_back"])
    assert stack.running() == "as-installed"


def test_a_run_finds_an_attempt_of_its_own_and_brings_it_to_its_end(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    confirm = {"seconds": 60, "units": ["slow.service"]}
    runner = stack.start_switch("r1", confirm=confirm)
    eventually(lambda: stack.phases() == ["awaiting"])
    runner.kill()
    runner.communicate()
    stack.lab.clear_faults("pi")
    assert stack.switch("r1", confirm=confirm) == 0
    assert stack.phases() == ["committed"]
    assert "resumes deployment" in stack.report


def test_an_attempt_for_another_word_is_not_taken_for_ones_own(stack: Stack) -> None:
    """Nor waited for until the end: it is rolled back, and the switch that is asked for begins."""
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    confirm = {"seconds": 8, "units": ["slow.service"]}
    runner = stack.start_switch("r1", again="a", activation_seconds=4, confirm=confirm)
    eventually(lambda: stack.phases() == ["awaiting"])
    runner.kill()
    runner.communicate()
    stack.lab.clear_faults("pi")
    assert stack.switch("r1", again="b") == 0, stack.report
    assert (stack.state / "again").read_text() == "b\n"


@pytest.mark.requirement("S1-28")
def test_a_run_that_goes_on_asks_for_what_the_first_one_found(stack: Stack) -> None:
    """What the household found before the switch is kept with the deployment."""
    script = scripts.activate_script(
        "r1",
        "abcd",
        DeployPolicy("pi"),
        secrets_version="",
        paths=["lan"],
        activation_seconds=9,
        confirm_seconds=9,
        external=["photos over lan", "names"],
    )
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    stack.remote(script)
    status = HostFacts.parse(stack.remote(scripts.status_script("r1")))
    assert status["deployment-external"].split("\t") == ["photos over lan", "names"]


@pytest.mark.requirement("S0-67")
def test_another_stacks_lease_outlives_a_rollback_by_hand(stack: Stack) -> None:
    """Whoever holds no lease gives none back."""
    stack.bring("r1")
    (stack.state / "lease").write_text("theirs 99999999999\n")
    assert stack.switch("r1", stack="home") == 1
    assert "the stack theirs is at work here" in stack.report
    assert stack.switch("r1") == 0, stack.report
    assert (stack.state / "lease").exists()
    (stack.state / "lease").write_text("home 99999999999\n")
    stack.bring("r2")
    assert stack.switch("r2", stack="home") == 0
    eventually(lambda: not (stack.state / "lease").exists())


def test_an_attempt_that_a_reboot_cut_off_is_rolled_back_first(stack: Stack) -> None:
    stack.bring("r1")
    stack.lab.hosts["pi"].add_faults({"unit": "never.service"})
    runner = stack.start_switch("r1", confirm={"seconds": 600, "units": ["never.service"]})
    eventually(lambda: stack.phases() == ["awaiting"])
    runner.kill()
    runner.communicate()
    # A power cut takes the units; the boot default was never touched, and so is what runs.
    stack.remote("systemctl stop homelab-activate.service homelab-rollback.timer </dev/null")
    root = stack.lab.root("pi")
    (root / "proc/sys/kernel/random/boot_id").write_text("second boot\n")
    (root / "run/current-system").unlink()
    (root / "run/current-system").symlink_to((root / "nix/var/nix/profiles/system").resolve())
    stack.lab.clear_faults("pi")
    assert stack.switch("r1") == 0
    assert stack.phases() == ["rolled_back", "committed"]
    assert "stopped while awaiting" in stack.report


def test_two_runs_for_one_release_both_end_committed(stack: Stack) -> None:
    stack.bring("r1")
    runners = [stack.start_switch("r1") for _ in range(2)]
    outputs = [runner.communicate(timeout=120)[0] for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0], outputs
    assert set(stack.phases()) == {"committed"}


def test_a_run_waits_for_another_release_that_is_under_way(stack: Stack) -> None:
    stack.bring("r1")
    stack.bring("r2")
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    first = stack.start_switch("r1", confirm={"seconds": 60, "units": ["slow.service"]})
    eventually(lambda: stack.phases() == ["awaiting"])
    second = stack.start_switch("r2")
    assert second.stdout
    assert "waits for deployment" in second.stdout.readline()
    stack.lab.clear_faults("pi")
    assert first.wait(120) == 0
    assert second.wait(120) == 0
    assert stack.running() == "r2"


def test_a_run_that_waited_in_vain_names_what_it_waited_for(stack: Stack) -> None:
    stack.bring("r1")
    stack.bring("r2")
    stack.lab.hosts["pi"].add_faults({"unit": "slow.service"})
    first = stack.start_switch("r1", confirm={"seconds": 60, "units": ["slow.service"]})
    eventually(lambda: stack.phases() == ["awaiting"])
    assert stack.switch("r2", lock_seconds=0) == 1
    assert "was not started: deployment" in stack.report
    assert "for release r1" in stack.report
    stack.lab.clear_faults("pi")
    assert first.wait(120) == 0


def test_a_rotated_secret_is_switched_to_and_recorded(stack: Stack) -> None:
    stack.bring("r1", token="old")
    assert stack.switch("r1", secrets_version="v1") == 0
    stack.bring("r1", token="new")
    assert (stack.state / "secrets/r1/token").read_text() == "old"
    assert stack.switch("r1", secrets_version="v2") == 0
    assert (stack.state / "secrets/r1/token").read_text() == "new"
    assert stack.switch("r1", secrets_version="v2") == 0
    assert "already committed and running" in stack.report
    eventually(lambda: not stack.units())
    held = [p.read_text() for p in (stack.state / "secrets/.sets").rglob("token")]
    assert held == ["new"]


def test_a_rollback_returns_to_the_old_secrets(stack: Stack) -> None:
    stack.bring("r1", token="old")
    assert stack.switch("r1", secrets_version="v1") == 0
    stack.bring("r1", token="new")
    stack.lab.hosts["pi"].add_faults({"unit": "app.service"})
    confirm = {"seconds": 1, "units": ["app.service"]}
    assert stack.switch("r1", secrets_version="v2", confirm=confirm) == 1
    assert (stack.state / "secrets/r1/token").read_text() == "old"
    stack.lab.clear_faults("pi")
    assert stack.switch("r1", secrets_version="v2", confirm=confirm) == 0
    assert (stack.state / "secrets/r1/token").read_text() == "new"


def test_a_release_that_is_not_built_is_refused_before_anything_happens(stack: Stack) -> None:
    stack.remote(scripts.stage_script("r1", {"flake.nix": ""}))
    assert stack.switch("r1") == 1
    assert "release r1 is not built on it; run pulumi up" in stack.report
    assert stack.phases() == []


def test_a_host_that_is_off_is_reported_with_every_path_that_was_tried(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "unreachable")
    assert stack.switch("r1") == 1
    assert "pi over lan" in stack.report
    assert "pi over tailnet" in stack.report


def test_a_spec_that_is_none_is_a_usage_error_that_shows_no_value() -> None:
    said: list[str] = []
    spec = {"host": "pi", "release": "r1", "paths": [], "host_key": PIN, "s3cret": "hunter2"}
    assert switch.run(json.dumps(spec), report=said.append) == 2
    assert "hunter2" not in "\n".join(said)
    assert any(line.startswith("s3cret: ") for line in said)
    assert switch.run("not json", report=said.append) == 2


def test_an_unreadable_dial_map_never_means_the_real_network(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMELAB_DIAL", str(stack.state / "none.json"))
    assert stack.switch("r1") == 1
    assert "HOMELAB_DIAL" in stack.report


def test_what_runs_detached_on_the_host_is_clean_too(stack: Stack) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    stack.bring("r1")
    assert stack.switch("r1") == 0
    for name in ("supervise.sh", "rollback.sh"):
        (path,) = stack.state.glob(f"deployments/*/{name}")
        found = subprocess.run(
            ["shellcheck", "--norc", "-f", "gcc", path], capture_output=True, text=True, check=False
        )
        assert found.stdout == ""
