"""A complete rehearsal by its command: up, no-op, change, removal, failure, kill and destroy.

Only the clouds and NixOS are stand-ins. The program, the SDK, SSH and the scripts on hosts are
real.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.ops.project.files import write_lock
from homelab.ops.project.stack import open_stack
from tests import build, stackdir

pytestmark = pytest.mark.lab

HOMELAB = (sys.executable, "-m", "homelab")
WORDS = {"create": "to create", "update": "to update", "delete": "to delete", "same": "unchanged"}
STACK: dict[str, Any] = {
    "deploy": {"confirm_seconds": 5, "settle_seconds": 0, "activation_seconds": 30},
    "site": {"names": {"public": "{name}-home.{zone}"}},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "services": {
        "authelia": {"publish": "tunnel"},
        "navidrome": {"host": "nas", "publish": "tunnel"},
        "miniflux": {"host": "nas"},
    },
}


AUDIT = """
import os, sys

def hook(event, arguments):
    if event == "socket.connect":
        log = os.open(os.environ["AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{arguments[1]!r}\\n".encode())
        os.close(log)

sys.addaudithook(hook)
"""
"""Records the addresses to which a process connects."""


@dataclass
class Lab:
    """One stack in its directory."""

    directory: Path

    def write(self, changes: dict[str, Any] | None = None) -> None:
        stackdir.write_stack(self.directory, testing.merged(STACK, changes or {}))
        (self.directory / "audit").mkdir(exist_ok=True)
        (self.directory / "audit/sitecustomize.py").write_text(AUDIT)

    def command(self, *words: str) -> list[str]:
        return [*HOMELAB, "lab", *words, "-C", str(self.directory)]

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.directory / 'audit'}{os.pathsep}{build.ROOT}"
        return {**os.environ, "PYTHONPATH": path, "AUDIT": str(self.directory / "dialled")}

    def dialled(self) -> list[str]:
        """Every connection of every process so far, as the interpreter itself reports it."""
        return (self.directory / "dialled").read_text().splitlines()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert done.returncode == code, done.stdout[-4000:] + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def root(self, host: str) -> Path:
        return self.directory / ".homelab/lab" / stackdir.NAME / "hosts" / host / "root"

    def releases(self) -> dict[str, str]:
        """The release that every host reports."""
        rows = json.loads(self.run("status", "--json").stdout)["hosts"]
        return {h: row["release"] for h, row in rows.items()}

    def wanted_releases(self, stack: str = stackdir.NAME) -> dict[str, str]:
        """The release that each host is to run, by the stack and its files."""
        releases = open_stack(self.directory, stack).releases
        return {host: release.id for host, release in releases.items()}

    def records(self) -> set[str]:
        path = self.directory / ".homelab/lab" / stackdir.NAME / "cloudflare.json"
        return set(re.findall(r"[a-z]+-home\.example\.org", path.read_text()))

    def texts(self, host: str) -> str:
        """Every file of the release that the host runs."""
        release = self.releases()[host]
        flake = self.root(host) / "var/lib/homelab/releases" / release / "flake"
        return "\n".join(p.read_text() for p in sorted(flake.rglob("*.nix")))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "stack")
    lab.write()
    return lab


def names(result: dict[str, Any], op: str) -> set[str]:
    return {s["urn"].rpartition("::")[2] for s in result["steps"] if s["op"] == op}


def test_from_the_first_up_to_the_last_destroy(lab: Lab) -> None:
    # A preview opens no connection and leaves nothing behind.
    planned = lab.json("preview")
    assert planned["connections"] == {}
    assert not (lab.directory / ".homelab").exists()

    shown = lab.run("preview").stdout
    assert f"+ {planned['changes']['create']} to create" in shown

    first = lab.json("up")
    assert first["changes"] == planned["changes"]
    assert set(first["connections"]) == {"pi", "nas"}
    assert set(lab.releases().values()) == set(lab.wanted_releases().values())
    assert lab.records() == {"auth-home.example.org", "navidrome-home.example.org"}

    again = lab.json("up")
    assert again["changes"] == {"same": first["changes"]["create"]}
    assert again["connections"] == {}
    assert f"{again['changes']['same']} unchanged" in lab.run("up").stdout

    # Another port changes a line of a file, on exactly the hosts that name it.
    lab.write({"services": {"authelia": {"port": 9092}}})
    planned = lab.json("preview")
    assert planned["connections"] == {}
    assert set(planned["files"]) == {"pi"}
    lines = "\n".join(planned["files"]["pi"])
    assert re.search(r"^ *-.*9091", lines, re.MULTILINE)
    assert re.search(r"^ *\+.*9092", lines, re.MULTILINE)
    assert "~ proxy.nix" in lines
    shown = lab.run("preview").stdout
    for op, count in planned["changes"].items():
        assert f"{count} {WORDS[op]}" in shown
    assert "9092" in shown
    changed = lab.json("up")
    assert changed["changes"] == planned["changes"]
    assert set(changed["connections"]) == {"pi"}
    assert "9092" in lab.texts("pi")

    # A removed service removes everything of its own, names first.
    lab.write({"services": {"authelia": {"port": 9092}, "navidrome": None}})
    removed = lab.json("up")
    assert {"navidrome-dns", "navidrome-access", "navidrome"} <= names(removed, "delete")
    assert set(removed["connections"]) == {"pi", "nas"}
    assert lab.records() == {"auth-home.example.org"}
    assert "navidrome" not in lab.texts("nas") + lab.texts("pi")

    # Connections went to this machine only.
    assert len(lab.dialled()) > 10
    assert [line for line in lab.dialled() if "'127.0.0.1'" not in line] == []

    # Destroy leaves nothing of the lab's own.
    destroyed = lab.json("destroy")
    assert destroyed["ok"]
    assert not (lab.directory / ".homelab").exists()
    assert lab.json("destroy")["ok"], "and may be asked for twice"


@pytest.mark.requirement("S0-77")
def test_a_move_is_rehearsed_in_a_copy_of_the_stack(lab: Lab) -> None:
    (lab.directory / "homelab.lock.yaml").write_text("services: {}\n")
    assert lab.run("move", "vaultwarden", "--to", "nas").returncode == 2
    lab.write({"services": {"vaultwarden": {"host": "nas", "name": "vault"}}})
    write_lock(lab.directory, stackdir.NAME, ())
    before = {p: p.read_bytes() for p in lab.directory.glob("*.yaml")}
    done = lab.run("move", "vaultwarden", "--to", "pi")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "pi: 1 files of /var/lib/vaultwarden are the same on both hosts" in done.stdout
    last = "rehearsal; your stack is unchanged: homelab move vaultwarden --to pi"
    assert done.stdout.splitlines()[-1] == last
    assert "copy of Pulumi." in done.stdout
    for word in ("next:", "commit it", "pulumi up, then"):
        assert word not in done.stdout
    warnings = [line for line in done.stdout.splitlines() if line.rstrip().endswith("]")]
    assert len(warnings) == len({*warnings})
    assert "pi: the data waits in /var/lib/homelab/arrivals/vaultwarden" in done.stdout
    assert {p: p.read_bytes() for p in lab.directory.glob("*.yaml")} == before
    assert not (lab.directory / ".homelab").exists()
    assert [line for line in lab.dialled() if "'127.0.0.1'" not in line] == []


def test_after_a_killed_up_the_next_continues_and_reaches_the_same_state(
    lab: Lab, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        lab.command("up"),
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    state = lab.directory / ".homelab/lab" / stackdir.NAME / "state.json"
    end = time.monotonic() + 120
    while not (state.exists() and "nas-build" in state.read_text()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "no build was ever recorded"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    resumed = lab.json("up")
    assert resumed["changes"].get("same"), "what was done before is not done again"
    assert set(lab.json("up")["changes"]) == {"same"}

    whole = Lab(tmp_path / "whole")
    whole.write()
    whole.json("up")
    assert lab.releases() == whole.releases()
    assert lab.records() == whole.records()
    assert sum(resumed["changes"].values()) == whole.json("up")["changes"]["same"]


@pytest.mark.requirement("S4-34")
def test_a_host_that_loses_its_network_rolls_back_and_the_next_up_retries(lab: Lab) -> None:
    lab.json("up")
    before = lab.releases()
    lab.write({"services": {"miniflux": {"port": 8123}}})
    assert lab.run("inject", "nas", "loses-network").returncode == 0
    assert "fault: loses-network; homelab lab clear nas" in lab.run("status").stdout

    failed = lab.json("up", code=1)
    assert not failed["ok"]
    report = "\n".join(failed["errors"])
    assert "nas-switch" in report
    assert "rolled back" in report
    assert "next: fix the cause" in report
    after = lab.releases()
    assert after["nas"] == before["nas"]
    assert after["pi"] == before["pi"], "the entry host waits for those before it"

    assert lab.run("clear", "nas").returncode == 0
    retried = lab.json("up")
    assert "nas-switch" in names(retried, "create") | names(retried, "update")
    assert lab.releases()["nas"] != before["nas"]
    assert "8123" in lab.texts("nas")
    assert set(lab.json("up")["changes"]) == {"same"}


def test_a_failed_build_changes_no_host_and_can_be_reverted(lab: Lab) -> None:
    lab.json("up")
    before = lab.releases()
    lab.write({"services": {"miniflux": {"port": 8123}}})
    lab.run("inject", "pi", "build-fails")
    failed = lab.json("up", code=1)
    assert any("pi-build" in e for e in failed["errors"])
    assert lab.releases() == before
    lab.run("clear", "pi")
    lab.write()
    assert lab.json("up")["ok"]
    assert lab.releases() == before
    assert set(lab.json("up")["changes"]) == {"same"}


def test_a_fault_or_host_that_is_unknown_is_named(lab: Lab) -> None:
    for words, says in (
        (("inject", "nass"), "nas"),
        (("inject", "nas", "lose-net"), "loses-network"),
    ):
        done = lab.run(*words)
        assert done.returncode == 2
        assert f'did you mean "{says}"' in done.stderr


@pytest.mark.requirement("S4-26")
def test_an_issued_secret_is_revoked_after_the_new_one_is_in_use(lab: Lab) -> None:
    """Order: create, deploy, probe, revoke. A host that rolls back still needs the old secret."""
    lab.json("up")
    # Another port makes a new system, which a host needs to lose its network.
    change = {"secrets": {"epochs": {"acme": 2}}, "services": {"miniflux": {"port": 8123}}}
    lab.write(change)
    lab.run("inject", "pi", "loses-network")
    failed = lab.json("up", code=1)
    assert any("pi-switch" in error for error in failed["errors"])
    assert "acme-pi-2" in names(failed, "create")
    assert "acme-pi" not in names(failed, "delete")
    lab.run("clear", "pi")
    steps = [(s["op"], s["urn"].rpartition("::")[2]) for s in lab.json("up")["steps"]]
    switched = next(n for n, (_, name) in enumerate(steps) if name == "pi-switch")
    assert switched < steps.index(("delete", "acme-pi"))
    assert set(lab.json("up")["changes"]) == {"same"}


def test_a_dry_run_prints_what_it_found_and_the_preview_after_it_what_will_change(lab: Lab) -> None:
    lab.json("up")
    change = {"services": {"miniflux": {"port": 8123}}}
    committed = lab.releases()
    lab.write(testing.merged(change, {"deploy": {"mode": "dry"}}))
    found = lab.json("up")
    assert names(found, "create") == {"nas-dry", "pi-dry"}
    assert "nas: would activate the configuration..." in found["dry_runs"]["nas"]
    assert any(line.startswith("nas: changed file: ") for line in found["dry_runs"]["nas"])
    assert found["files"] == {}
    assert lab.releases() == committed

    lab.write(change)
    planned = lab.json("preview")
    assert {"nas", "nas-switch"} <= names(planned, "update")
    assert [line for line in planned["files"]["nas"] if "8123" in line]
    assert names(planned, "delete") == {"nas-dry", "pi-dry"}


@pytest.mark.parametrize("name", ["PULUMI_OPTION_TARGET", "PULUMI_OPTION_EXCLUDE"])
@pytest.mark.parametrize("command", ["preview", "up", "destroy"])
def test_the_lab_refuses_a_run_for_some_resources(
    lab: Lab, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "**:Host::*")
    done = lab.run(command)
    assert done.returncode != 0
    assert f"{name}: the lab selects no resources" in done.stderr
    assert f"env -u {name} homelab lab" in done.stderr
    assert not (lab.directory / ".homelab").exists()
