"""An offline host is brought its release or takes it, and it counts when the host committed it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.lab.hosts import LabHosts
from homelab.offline import bundle
from homelab.offline.bundle import NAMESPACE
from homelab.ops import hosts
from homelab.ops.deploy import offline
from tests import build
from tests.ops.conftest import LAN, PIN, TAILNET, Stack, eventually, flake

pytestmark = pytest.mark.lab

NAS = "192.168.1.9"
SECRET = "hunter2-hunter2-hunter2"
WORDS = ("pi", "22", "nas", "22", NAS)
PATHS = [{"name": "lan", "address": LAN}, {"name": "tailnet", "address": TAILNET}]
NEIGHBOUR: dict[str, object] = {
    "host": "nas",
    "paths": [{"name": "lan", "address": NAS}],
    "host_key": PIN,
}


@dataclass
class OfflineHost:
    """pi, which sleeps, and nas, which never does."""

    stack: Stack
    policy: DeployPolicy = field(default_factory=lambda: DeployPolicy("pi"))
    said: list[str] = field(default_factory=list)

    @property
    def lab(self) -> LabHosts:
        return self.stack.lab

    def up(self, release: str, **more: object) -> int:
        """What an `up` does with pi: its one resource."""
        self.said = []
        spec = {
            **json.loads(self.stack.spec(release, secrets_version=f"v-{release}")),
            "payload": {
                "stage": scripts.stage_script(release, flake(release)),
                "secrets": {"token": SECRET},
                "build": scripts.build_script(release, self.policy),
            },
            **more,
        }
        return offline.run(json.dumps(spec), report=self.said.append)

    def wake(self, release: str, **more: object) -> int:
        return self.up(release, offline={**NEIGHBOUR, "wake": "wake-pi", "wake_seconds": 1, **more})

    def let_wait(self, release: str, **more: object) -> int:
        return self.up(release, offline={**NEIGHBOUR, "signers": [PIN]}, **more)

    def pull(self) -> tuple[int, str]:
        """What pi does when it wakes."""
        return self.lab.pull("pi", WORDS)

    @property
    def report(self) -> str:
        return "\n".join(self.said)

    @property
    def place(self) -> Path:
        return self.lab.root("nas") / "var/lib/homelab-bundles/pi"

    def told(self) -> str:
        return (self.place / "report/word").read_text()


@pytest.fixture
def pi(stack: Stack) -> OfflineHost:
    return OfflineHost(stack)


@pytest.fixture
def fetching(pi: OfflineHost) -> OfflineHost:
    for tool in ("age", "ssh-keygen", "ssh-keyscan"):
        if shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin") is None:
            pytest.skip(f"{tool} is not there")
    return pi


@pytest.mark.requirement("S0-67")
def test_a_host_that_is_awake_is_brought_everything_at_once(pi: OfflineHost) -> None:
    """Files, secrets, build and switch, without a neighbour."""
    assert pi.wake("r1") == 0, pi.report
    assert (pi.stack.running(), pi.stack.committed()) == ("r1", "r1")
    assert (pi.stack.state / "secrets/r1/token").read_text() == SECRET
    assert pi.lab.connections["nas"] == 0
    assert pi.wake("r1") == 0
    assert "already committed and running" in pi.report


@pytest.mark.requirement("S0-05")
def test_a_host_that_sleeps_is_woken_by_its_neighbour(pi: OfflineHost) -> None:
    pi.lab.inject_fault("pi", "offline")
    assert pi.wake("r1") == 0, pi.report
    assert pi.stack.committed() == "r1"
    assert "wake-pi" in {line["command"] for line in pi.lab.log("nas")}
    assert "pi: does not answer; nas wakes it" in pi.report


@pytest.mark.requirement("S0-05")
def test_a_host_that_is_worked_on_does_not_fall_asleep_again(pi: OfflineHost) -> None:
    """From the build on, and while the switch goes on by itself."""
    assert pi.wake("r1") == 0
    asked = [line["arguments"] for line in pi.lab.log("pi") if line["command"] == "systemd-inhibit"]
    assert len(asked) == 2
    assert all("--what=sleep:idle" in str(words) for words in asked)


def test_a_host_that_does_not_wake_fails_in_time_and_says_what_was_tried(pi: OfflineHost) -> None:
    pi.lab.inject_fault("pi", "unreachable")
    begun = time.monotonic()
    assert pi.wake("r1") == 1
    assert time.monotonic() - begun < 30
    assert (
        "release r1 was not switched: the host is off, and did not answer "
        "within 1 s of the wake packets" in pi.report
    )
    assert "wake-pi on nas, 1 time" in pi.report
    assert "pi over lan" in pi.report
    assert "next: " in pi.report
    assert SECRET not in pi.report


def test_a_neighbour_that_cannot_wake_says_why(pi: OfflineHost) -> None:
    pi.lab.inject_fault("pi", "offline")
    assert pi.wake("r1", wake="wake-nobody") == 1
    assert "there is no command wake-nobody here yet" in pi.report


@pytest.mark.requirement("S0-05", "S0-67")
def test_a_release_waits_until_the_host_takes_it_and_counts_from_then_on(
    fetching: OfflineHost,
) -> None:
    """Never recorded as applied before it was, and retried by each `up`."""
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    for _ in range(2):
        assert pi.let_wait("r1") == 1
        assert re.search("release r1 waits for it on nas since 20..-", pi.report)
        assert "the next pulumi up records it" in pi.report
    pi.lab.clear_faults("pi")
    status, said = pi.pull()
    assert status == 0, said
    assert (pi.stack.running(), pi.stack.boots(), pi.stack.committed()) == ("r1", "r1", "r1")
    assert (pi.stack.state / "secrets/r1/token").read_text() == SECRET
    assert "phase committed" in pi.told()

    pi.lab.inject_fault("pi", "offline")
    before = pi.lab.connections["pi"]
    assert pi.let_wait("r1") == 0, pi.report
    assert pi.lab.connections["pi"] == before
    assert pi.pull() == (0, "")
    assert pi.stack.phases() == ["committed"]


@pytest.mark.requirement("S4-34")
def test_what_was_pulled_never_restarts_its_host(fetching: OfflineHost) -> None:
    """Nobody looks on who would confirm it; an `up` that finds the host awake does that."""
    pi = fetching
    pi.policy = DeployPolicy("pi", reboot="once")
    restarts = {"reboot": {"seconds": 10}}
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1", **restarts) == 1
    pi.lab.clear_faults("pi")
    pi.lab.inject_fault("pi", "needs-restart")
    status, said = pi.pull()
    assert status != 0
    assert "while the old system runs (init-interface-version differs)" in pi.told(), said
    assert pi.stack.phases() == []
    assert "boot" not in {line["command"] for line in pi.lab.log("pi")}

    assert pi.let_wait("r1", **restarts) == 0, pi.report
    assert pi.stack.phases() == ["committed"]
    assert "boot" in {line["command"] for line in pi.lab.log("pi")}


def test_who_keeps_a_bundle_reads_no_secret_in_it(fetching: OfflineHost) -> None:
    fetching.lab.inject_fault("pi", "offline")
    assert fetching.let_wait("r1") == 1
    bundle = (fetching.place / "bundle").read_text()
    assert "BEGIN AGE ENCRYPTED FILE" in bundle
    everything = [p.read_bytes() for p in fetching.lab.root("nas").rglob("*") if p.is_file()]
    assert not [data for data in everything if SECRET.encode() in data]
    assert SECRET not in fetching.report


def test_a_host_that_answers_takes_it_directly_and_nothing_is_left_waiting(
    fetching: OfflineHost,
) -> None:
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    old = (pi.place / "bundle").read_text()
    pi.lab.clear_faults("pi")
    assert pi.let_wait("r2") == 0, pi.report
    assert pi.stack.committed() == "r2"
    assert not (pi.place / "bundle").exists()
    # Somebody puts the older one back.
    (pi.place / "bundle").write_text(old)
    _, said = pi.pull()
    assert "it is older than the last release of this host; refused" in said
    assert "it is older than the last release of this host" in pi.told()
    assert pi.stack.committed() == "r2"


@pytest.mark.requirement("S0-67")
def test_a_bundle_that_the_owner_did_not_sign_is_refused(
    fetching: OfflineHost, tmp_path: Path
) -> None:
    """Whoever keeps a bundle cannot change it, nor make one."""
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    pi.lab.clear_faults("pi")
    path = pi.place / "bundle"
    whole = path.read_text()
    end = whole.index("-----END SSH SIGNATURE-----\n") + len("-----END SSH SIGNATURE-----\n")
    signature, bundle = whole[:end], whole[end:]

    key = tmp_path / "another"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    other = subprocess.run(words, input=bundle, capture_output=True, text=True, check=True).stdout
    for text in (
        signature + bundle.replace("HOST=pi", "HOST=pi\nevil=1"),
        bundle,
        other + bundle,
        signature + signature + bundle,
    ):
        path.write_text(text)
        status, said = pi.pull()
        assert status == 1, said
        assert "the owner of this host did not sign it" in said
    assert pi.stack.running() == "as-installed"


def test_a_bundle_for_another_host_is_refused(fetching: OfflineHost) -> None:
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    pi.lab.clear_faults("pi")
    status, said = pi.lab.pull("pi", ("laptop", *WORDS[1:]))
    assert status == 1
    assert "refused the bundle on nas: it is for pi" in said


def test_a_bundle_that_was_taken_is_not_taken_again(fetching: OfflineHost) -> None:
    pi = fetching
    kept = []
    for release in ("r1", "r2"):
        pi.lab.inject_fault("pi", "offline")
        assert pi.let_wait(release) == 1
        pi.lab.clear_faults("pi")
        kept.append((pi.place / "bundle").read_text())
        assert pi.pull()[0] == 0
        assert pi.stack.committed() == release
    (pi.place / "bundle").write_text(kept[0])
    # The deployment of long ago is known to have ended, or is forgotten.
    for path in (pi.stack.state / "deployments").iterdir():
        if (path / "release").read_text() == "r1\n":
            shutil.rmtree(path)
    _, said = pi.pull()
    assert "refused" in said
    assert pi.stack.committed() == "r2"


@pytest.mark.requirement("S0-67")
def test_what_waits_is_taken_although_an_older_attempt_was_cut_off(fetching: OfflineHost) -> None:
    """Its power went in the window, and nobody sees to that deployment any more."""
    pi = fetching
    pi.stack.bring("r0")
    pi.lab.hosts["pi"].add_faults({"unit": "never.service"})
    runner = pi.stack.start_switch("r0", confirm={"seconds": 600, "units": ["never.service"]})
    eventually(lambda: pi.stack.phases() == ["awaiting"])
    runner.kill()
    runner.communicate()
    pi.stack.remote("systemctl stop homelab-activate.service homelab-rollback.timer </dev/null")
    (pi.lab.root("pi") / "proc/sys/kernel/random/boot_id").write_text("second boot\n")
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    pi.lab.clear_faults("pi")
    status, said = pi.pull()
    assert status == 0, said
    assert pi.stack.phases() == ["rolled_back", "committed"]
    assert pi.stack.committed() == "r1"


def test_a_release_that_the_host_rolled_back_is_told_with_its_log(fetching: OfflineHost) -> None:
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    pi.lab.clear_faults("pi")
    pi.lab.inject_fault("pi", "activate-fails")
    pi.pull()
    assert "phase rolled_back" in pi.told()
    assert pi.stack.running() == "as-installed"

    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    assert "was fetched from nas, and was rolled back" in pi.report
    assert "failed: broken.service" in pi.report
    assert "deploy.again" in pi.report

    pi.lab.clear_faults("pi")
    assert pi.let_wait("r1") == 0, pi.report
    assert pi.stack.committed() == "r1"


@pytest.mark.requirement("S0-67")
def test_the_status_of_a_host_that_sleeps_says_what_waits_for_it(fetching: OfflineHost) -> None:
    """Asked of its relay, for the host itself does not answer."""
    pi = fetching
    plan = build.plan(
        {
            "network": {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}},
            "hosts": {
                "pi": {
                    "address": {"lan": LAN, "tailnet": None},
                    "ssh": {"host_key": PIN},
                    "always_on": False,
                    "offline": {"pull_from": "nas"},
                },
                "nas": {"address": {"lan": NAS, "tailnet": None}, "always_on": True},
            },
        }
    )

    def said() -> tuple[bool, str]:
        pi.lab.inject_fault("pi", "offline")
        (host,) = (h for h in hosts.read_hosts(plan, {}) if h.name == "pi")
        return host.ok, list(host.notes())[-1]

    def pulled(fault: str = "") -> None:
        pi.lab.clear_faults("pi")
        if fault:
            pi.lab.inject_fault("pi", fault)
        pi.pull()
        pi.lab.clear_faults("pi")

    ok, words = said()
    assert ok
    assert words.startswith("does not answer: ")
    assert pi.let_wait("r1") == 1
    ok, words = said()
    assert ok
    assert re.fullmatch("release r1 waits for it on nas since 20[-0-9]+T[:0-9]+Z", words)
    pulled("build-fails")
    ok, words = said()
    assert not ok
    assert "; it could not apply it: the build or the preflight failed" in words
    pulled("activate-fails")
    ok, words = said()
    assert not ok
    assert words.startswith("! fetched release r1 from nas, and it was rolled back; the host is as")
    assert pi.let_wait("r2") == 1
    pulled()
    assert said() == (
        True,
        "fetched release r2 from nas and committed it; the next `up` records it",
    )


@pytest.mark.requirement("S0-67")
def test_a_switch_that_shuts_the_host_in_is_rolled_back(fetching: OfflineHost) -> None:
    """Nobody confirms from within alone; the relay must still reach its SSH."""
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1", confirm={"seconds": 3}) == 1
    pi.lab.clear_faults("pi")
    pi.lab.inject_fault("pi", "loses-network")
    pi.pull()
    assert pi.stack.phases() == ["rolled_back"]
    assert "not confirmed within 3 s" in pi.told()


def test_a_release_that_does_not_build_waits_on_and_says_why(fetching: OfflineHost) -> None:
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    pi.lab.clear_faults("pi")
    pi.lab.inject_fault("pi", "build-fails")
    assert pi.pull()[0] == 1
    pi.lab.clear_faults("pi")
    pi.lab.inject_fault("pi", "offline")
    assert pi.let_wait("r1") == 1
    assert "the last try to apply it failed" in pi.report
    assert "the build or the preflight failed" in pi.report
    pi.lab.clear_faults("pi")
    assert pi.pull()[0] == 0
    assert pi.stack.committed() == "r1"


def test_two_at_once_never_switch_a_host(
    fetching: OfflineHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that somebody else began is left alone, however often it is asked for."""
    pi = fetching
    pi.lab.inject_fault("pi", "offline")
    monkeypatch.setattr(bundle, "LEEWAY", 0)
    assert pi.let_wait("r1", activation_seconds=2, confirm={"seconds": 4}) == 1
    pi.lab.clear_faults("pi")
    deployment = pi.stack.state / "deployments/other"
    deployment.mkdir(parents=True)
    (deployment / "phase").write_text("awaiting\n")
    status, said = pi.pull()
    assert status == 0, said
    assert "another switch of this host is in progress" in said
    assert pi.stack.running() == "as-installed"


def test_a_spec_of_a_host_that_is_always_on_is_switched_as_ever(pi: OfflineHost) -> None:
    pi.stack.bring("r1")
    said: list[str] = []
    assert offline.run(pi.stack.spec("r1"), report=said.append) == 0, said
    assert offline.run("not json", report=said.append) == 2
