"""A host leaves: what was ours goes from it and from our memory, what is the owner's stays."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from homelab import testing
from homelab.cli import app
from homelab.config.lock import Lock, Placement, lock_text, parse_lock
from homelab.deploy.model import Release
from homelab.ops import leaving
from homelab.ops.leaving import machine_at
from homelab.ops.project import stack as stacks
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from tests import build, stackdir
from tests.ops.conftest import LAN, PIN, TAILNET, Stack, eventually, served_by

pytestmark = pytest.mark.long

DATA = "var/lib/navidrome/music.db"
ELSEWHERE: dict[str, object] = {
    "network": {
        "lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"},
        "entry": {"host": "nas"},
        "dns": {"host": "nas"},
    }
}


def config(state: str | None = "retired") -> dict[str, object]:
    """The lab's two hosts, pi in this state, or gone from the stack."""
    address = {"lan": LAN, "tailnet": TAILNET}
    pi = {"address": address, "ssh": {"host_key": PIN}, "state": state} if state else None
    nas = {"address": {"lan": "192.168.1.9", "tailnet": None}}
    return {**ELSEWHERE, "hosts": {"pi": pi, "nas": nas}}


def open_as(state: str, release: str) -> stacks.Stack:
    """A stack that wants this release of pi."""
    releases = {"pi": Release(release, "pi", ())}
    return stacks.Stack("small", Path(), build.plan(config(state)), (), releases, {})


def without_pi(lock: Lock | None = None, services: Mapping[str, object] | None = None) -> Plan:
    return build.plan({**config(None), "services": dict(services or {})}, lock)


def retire(opened: stacks.Stack, host: str = "pi") -> list[str]:
    said: list[str] = []
    leaving.retire(opened, host, said.append)
    return said


def forget(
    place: Path, plan: Plan, address: str | None = None, *, yes: bool = False, host: str = "pi"
) -> list[str]:
    said: list[str] = []
    machine = machine_at(address, PIN if address else None, "root", 22)
    leaving.forget(place, plan, host, machine, said.append, confirmed=yes)
    return said


def below(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*")}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A host that had a release with secrets, and then one without services."""
    directory = tmp_path_factory.mktemp("served") / "lab"
    with served_by(directory) as stack:
        stack.bring("r2", token="of r2")
        assert stack.switch("r2") == 0, stack.report
        stack.bring("empty")
        assert stack.switch("empty") == 0, stack.report
        data = stack.lab.root("pi") / DATA
        data.parent.mkdir()
        data.write_text("songs")
        placed = stack.lab.root("pi") / "run/homelab/secrets/token"
        placed.parent.mkdir(parents=True)
        placed.write_text("of r2")
    kept = directory.with_name("kept")
    shutil.copytree(directory, kept, symlinks=True)
    return directory, kept


@pytest.fixture
def served(template: tuple[Path, Path]) -> Iterator[Stack]:
    """The template's host, as if no other test had used it. Its links need the same directory."""
    directory, kept = template
    shutil.rmtree(directory)
    shutil.copytree(kept, directory, symlinks=True)
    with served_by(directory) as stack:
        yield stack


# --- retire ---------------------------------------------------------------------------------------


@pytest.mark.requirement("S0-80", "S4-34")
def test_a_retired_host_keeps_its_release_and_its_data_and_nothing_of_earlier_ones(
    served: Stack,
) -> None:
    """No secret of a service outlives it; the running release stays whole."""
    said = retire(open_as("retired", "empty"))
    root = served.lab.root("pi")
    assert {p.name for p in (served.state / "releases").iterdir()} == {"empty"}
    assert {p.name for p in (served.state / "secrets").iterdir()} == {"empty", ".sets"}
    assert not [p for p in below(root) if p.endswith("/token")]
    assert len(list((served.state / "deployments").iterdir())) == 1
    assert (root / DATA).read_text() == "songs"
    assert (served.running(), served.boots(), served.committed()) == ("empty",) * 3
    assert f"pi: removed {served.state}/secrets/r2" in said
    assert served.switch("empty") == 0, served.report
    assert "already committed and running" in served.report


def test_retiring_again_finds_nothing_and_changes_nothing(served: Stack) -> None:
    opened = open_as("retired", "empty")
    retire(opened)
    before = below(served.state)
    said = retire(opened)
    assert said[0] == "pi: no earlier release is left"
    assert below(served.state) == before


def test_what_is_left_to_do_is_said_in_order(served: Stack) -> None:
    lock = Lock(
        services={"navidrome": Placement(host="pi", port=4533, state=["/var/lib/navidrome"])}
    )
    plan = build.plan({**config(), "services": {"miniflux": {"host": "pi"}}}, lock)
    said = retire(stacks.Stack("small", Path(), plan, (), {"pi": Release("empty", "pi", ())}, {}))
    steps = [line for line in said if "removed" not in line]
    assert steps[0].startswith("pi: stays: the system, its data, backups and user accounts; state")
    assert "/var/lib/navidrome" in steps[0]
    assert steps[1].endswith("they start without the secrets of homelab")
    gone = (
        "remove hosts.pi and services.miniflux from the stack, with their names, records and Access"
    )
    removed = "pi-files, -secrets, -build and -switch from its state"
    assert [s.removeprefix("pi: next: ") for s in steps[2:5]] == [
        f"{gone} rules",
        "homelab check, which names what still refers to it",
        f"pulumi up, which removes {removed}, and runs nothing on the host",
    ]
    assert steps[-1] == f"pi: next: homelab forget pi --address {LAN} --host-key '{PIN}'"


@pytest.mark.parametrize("device", [None, "nDEVICE7CNTRL"])
def test_its_device_is_named_by_what_is_known_of_it(served: Stack, device: str | None) -> None:
    tailscale = {"device": device} if device else {}
    changes = config()
    changes["hosts"] = testing.merged(changes["hosts"], {"pi": {"tailscale": tailscale}})  # type: ignore[arg-type]
    changes["tailnet"] = {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
    }
    plan = build.plan(changes)
    said = retire(stacks.Stack("small", Path(), plan, (), {"pi": Release("empty", "pi", ())}, {}))
    what = f"{device} ({TAILNET})" if device else f"at {TAILNET}"
    assert any(f"next: remove its device {what} from the tailnet: https:" in line for line in said)


@pytest.mark.parametrize("state", ["live", "held"])
def test_a_host_that_is_not_retired_in_the_stack_is_not_cleaned(served: Stack, state: str) -> None:
    before = below(served.state)
    with pytest.raises(
        UsageError,
        match=rf"hosts.pi.state: pi is {state} in the stack; set state: retired, then pulumi up",
    ):
        retire(open_as(state, "empty"))
    assert below(served.state) == before


def test_a_host_that_still_runs_its_services_is_not_cleaned(stack: Stack) -> None:
    opened = open_as("retired", "empty")
    with pytest.raises(
        HomelabError, match=r"pi runs no release of homelab, not its retired release empty"
    ):
        retire(opened)
    stack.bring("r1", token="of r1")
    assert stack.switch("r1") == 0
    with pytest.raises(
        HomelabError, match=r"pi runs r1, not its retired release empty; run pulumi up first"
    ):
        retire(opened)
    assert (stack.state / "secrets/r1/token").read_text() == "of r1"


def test_a_host_that_somebody_switched_by_hand_is_not_cleaned(served: Stack) -> None:
    """What runs may need what would go."""
    root = served.lab.root("pi")
    running = root / "run/current-system"
    (root / "nix/store/theirs").mkdir()
    running.unlink()
    running.symlink_to(root / "nix/store/theirs")
    with pytest.raises(
        HomelabError, match=r"theirs, not the committed release; homelab rollback pi --to"
    ):
        retire(open_as("retired", "empty"))
    assert (served.state / "secrets/r2/token").exists()


def test_a_switch_under_way_stops_both(stack: Stack, tmp_path: Path) -> None:
    stack.bring("r1", token="of r1")
    client = stack.start_unconfirmed("r1")
    eventually(lambda: stack.phases() == ["awaiting"])
    client.kill()
    client.wait()
    with pytest.raises(HomelabError, match=r"a switch of this host is in progress"):
        forget(tmp_path, without_pi(), LAN)
    assert (stack.state / "secrets/r1/token").exists()


def test_an_attempt_left_half_way_stops_both_and_the_way_out_is_said(
    served: Stack, tmp_path: Path
) -> None:
    (deployment,) = (
        p for p in (served.state / "deployments").glob("*/release") if "emp" in p.read_text()
    )
    (deployment.parent / "phase").write_text("awaiting\n")
    name = deployment.parent.name
    with pytest.raises(HomelabError, match=rf"{name} stopped while.*homelab unlock pi, then"):
        retire(open_as("retired", "empty"))
    with pytest.raises(HomelabError, match=rf"{name} stopped while.*bash .*/rollback\.sh, then"):
        forget(tmp_path, without_pi(), LAN, yes=True)
    assert (served.state / "secrets/r2/token").exists()


# --- forget, on the host --------------------------------------------------------------------------


def test_forgetting_shows_first_what_would_go_and_leaves_no_trace(
    served: Stack, tmp_path: Path
) -> None:
    before = below(served.lab.root("pi"))
    said = forget(tmp_path, without_pi(), LAN)
    assert f"pi: would remove {served.state}/releases" in said
    assert f"pi: would remove {served.state}/secrets" in said
    assert said[-1] == "pi: nothing was changed; run it again with --yes to do this"
    assert below(served.lab.root("pi")) == before


def test_forgetting_removes_everything_of_ours_and_nothing_else(
    served: Stack, tmp_path: Path
) -> None:
    root = served.lab.root("pi")
    forget(tmp_path, without_pi(), LAN, yes=True)
    assert not served.state.exists()
    assert not [p for p in below(root) if p.endswith("/token")]
    assert (root / DATA).read_text() == "songs"
    assert (served.running(), served.boots()) == ("empty", "empty")
    said = forget(tmp_path, without_pi(), LAN, yes=True)
    assert said[0] == f"pi: nothing of homelab is in {served.state}"
    assert not served.state.exists()


def test_secrets_that_the_running_system_places_at_boot_stay_and_that_is_said(
    served: Stack, tmp_path: Path
) -> None:
    """The system that runs goes on, boots included."""
    activate = served.lab.root("pi") / "run/current-system/activate"
    activate.write_text("#### Activation script snippet homelab-secrets:\n")
    said = forget(tmp_path, without_pi(), LAN, yes=True)
    assert {p.name for p in served.state.iterdir()} == {"secrets"}
    assert (served.state / "secrets/r2/token").read_text() == "of r2"
    assert any("reads its secrets there at each boot; run again once" in s for s in said)
    activate.unlink()
    forget(tmp_path, without_pi(), LAN, yes=True)
    assert not served.state.exists()


def test_a_directory_that_is_not_ours_stays_and_is_named(served: Stack, tmp_path: Path) -> None:
    theirs = served.state / "photos"
    theirs.mkdir()
    (theirs / "a.jpg").touch()
    said = forget(tmp_path, without_pi(), LAN, yes=True)
    assert {p.name for p in served.state.iterdir()} == {"photos"}
    assert (theirs / "a.jpg").exists()
    assert f"pi: stays: {theirs}, which homelab did not make" in said


def test_what_a_power_cut_left_goes_with_the_next_run(served: Stack, tmp_path: Path) -> None:
    for place in (served.state, served.state / "releases"):
        (place / ".leaving/flake").mkdir(parents=True)
    retire(open_as("retired", "empty"))
    assert {p.name for p in (served.state / "releases").iterdir()} == {"empty"}
    forget(tmp_path, without_pi(), LAN, yes=True)
    assert not served.state.exists()


# --- forget, in the stack -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("live", "set state: retired, then pulumi up, then homelab retire pi"),
        ("retired", "homelab retire pi lists the steps before this one"),
        ("held", "remove it from the stack, then pulumi up, then homelab forget pi"),
    ],
)
def test_a_host_that_is_in_the_stack_is_not_forgotten(tmp_path: Path, state: str, way: str) -> None:
    with pytest.raises(UsageError) as refused:
        forget(tmp_path, build.plan(config(state)), yes=True)
    assert str(refused.value) == f"hosts.pi: pi is still in the stack, and {state}; {way}"


def test_a_slip_of_the_hand_cleans_no_host_of_the_stack(tmp_path: Path) -> None:
    nas = "192.168.1.9"
    with pytest.raises(UsageError, match=rf"--address: {nas} is nas's in the stack"):
        forget(tmp_path, without_pi(), nas, yes=True)
    said: list[str] = []
    machine = machine_at(LAN, f"{build.host_key('nas')} another comment", "root", 22)
    with pytest.raises(UsageError, match=r"--host-key: this is nas's in the stack"):
        leaving.forget(tmp_path, without_pi(), "pi", machine, said.append, confirmed=True)
    assert said == []


def test_a_machine_is_an_address_and_a_key_that_proves_it() -> None:
    assert machine_at(None, None, "root", 22) is None
    with pytest.raises(UsageError, match=r"--address is missing"):
        machine_at(None, PIN, "root", 22)
    for key in (None, "ssh-rsa AAAA", PIN[:60], "nonsense"):
        with pytest.raises(
            UsageError,
            match=r"--host-key: needed to check that 10\.0\.0\.1 is the host.*ssh\.host_key",
        ):
            machine_at("10.0.0.1", key, "root", 22)


def test_a_machine_that_answers_with_another_key_is_not_touched(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dial = tmp_path / "dial.json"
    text = dial.read_text()
    own = stack.lab.hosts["pi"].host_key
    dial.write_text(text.replace(own, stack.lab.hosts["nas"].host_key))
    monkeypatch.setenv("HOMELAB_DIAL", str(dial))
    with pytest.raises(HomelabError, match=r"pi over address .* it answers with another host key"):
        forget(tmp_path, without_pi(), LAN, yes=True)


LOCK = Lock(
    services={
        "navidrome": Placement(host="pi", port=4533, state=["/var/lib/navidrome"]),
        "miniflux": Placement(host="pi", port=8080),
        "jellyfin": Placement(host="nas", port=8096, state=["/var/lib/jellyfin"]),
    }
)


def test_the_lock_forgets_what_was_on_the_host_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "homelab.lock.yaml"
    path.write_text(lock_text(LOCK))
    said = forget(tmp_path, without_pi(LOCK))
    assert said[0] == "pi: would remove from homelab.lock.yaml: miniflux, navidrome"
    assert path.read_text() == lock_text(LOCK)
    said = forget(tmp_path, without_pi(LOCK), yes=True)
    assert said[0] == "pi: removed from homelab.lock.yaml: miniflux, navidrome; commit it"
    left = parse_lock(path.read_text(), path.name)
    assert set(left.services) == {"jellyfin"}
    said = forget(tmp_path, without_pi(left), yes=True)
    assert said[0] == "pi: homelab.lock.yaml holds nothing of it"
    assert "the next pulumi up removes pi-files, -secrets, -build and -switch" in said[1]
    assert len(said) == 2, "and nothing of a tailnet that there is not"
    tailnet = {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
    }
    said = forget(tmp_path, build.plan({**config(None), "tailnet": tailnet}), yes=True)
    assert "Tailscale: remove its device by hand" in said[-1]


@pytest.mark.requirement("S0-77")
def test_forgetting_a_host_acknowledges_no_move(tmp_path: Path) -> None:
    """A service that is on another host by now left its state behind."""
    path = tmp_path / "homelab.lock.yaml"
    path.write_text(lock_text(LOCK))
    plan = without_pi(LOCK, {"navidrome": {"host": "nas"}})
    said = forget(tmp_path, plan, yes=True)
    assert said[0] == (
        "pi: stays in homelab.lock.yaml: navidrome, which is on nas in the stack; copy its state, "
        "then homelab lock --move navidrome"
    )
    assert set(parse_lock(path.read_text(), path.name).services) == {"navidrome", "jellyfin"}


# --- the command line -----------------------------------------------------------------------------


def test_the_command_line_retires_and_forgets(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The whole way out: retired, cleaned, taken out of the stack, forgotten."""
    directory = stackdir.write_stack(tmp_path / "stack", config())

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["homelab", *words, "-C", str(directory)])
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return int(str(code or 0)), said.out + said.err

    stack.bring("r1", token="of r1")
    assert stack.switch("r1") == 0
    code, said = run("retire", "pi")
    assert code == 1, said
    assert "run pulumi up first" in said
    release = stacks.open_stack(directory, stackdir.NAME).releases["pi"].id
    stack.bring(release)
    assert stack.switch(release) == 0, stack.report
    code, said = run("retire", "pi")
    assert code == 0, said
    assert not (stack.state / "secrets/r1").exists()
    assert run("forget", "pi")[0] == 2
    stackdir.write_stack(directory, config(None))
    assert run("retire", "pi")[0] == 2
    words = ("forget", "pi", "--address", LAN, "--host-key", PIN)
    code, said = run(*words)
    assert (code, stack.committed()) == (0, release), said
    code, said = run(*words, "--yes")
    assert code == 0, said
    assert not stack.state.exists()
