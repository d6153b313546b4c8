"""A machine and its deployer: the steps of `pulumi up`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from tests.faults.computer import Computer
from tests.faults.machine import Machine, eventually
from tests.faults.network import ADDRESSES, Laptop

_HOMELAB = Path(sys.executable).with_name("homelab")
_GATE = "gate.service"
CLIENT_SECONDS = 240
"""Maximal seconds of a client."""


@dataclass(frozen=True)
class Switched:
    """How a `homelab switch` ended."""

    code: int
    report: str


class Payload(TypedDict):
    """Scripts and secrets of a release."""

    stage: str
    secrets: dict[str, str]
    build: str


@dataclass
class House:
    """The objects of a test: machine, deployer and their releases."""

    laptop: Laptop
    machine: Machine | Computer

    # --- the deployer's side ---------------------------------------------------------------------

    def remote(self, script: str, link: str = "lan") -> Switched:
        """Run a script on the machine over SSH."""
        known = self.laptop.home / "known_hosts"
        known.write_text(f"{ADDRESSES[link]} {self.machine.host_key}\n")
        options = [f"-oUserKnownHostsFile={known}", "-oBatchMode=yes", "-oConnectTimeout=10"]
        target = [f"-i{self.laptop.key}", f"root@{ADDRESSES[link]}", scripts.shell()]
        process = self.laptop.start(["ssh", "-F", "none", *options, *target], script)
        output, _ = process.communicate(timeout=4 * self.machine.patience)
        return Switched(process.returncode, output)

    def payload(self, release: str, files: Mapping[str, str] | None = None) -> Payload:
        """Scripts and secrets before a switch. `files` are the differences of the release's
        system."""
        given = {"label": f"{release}\n", **(files or {})}
        flake = {"flake.nix": "{ }\n"} | {f"system/{path}": text for path, text in given.items()}
        return {
            "stage": scripts.stage_script(release, flake),
            "secrets": {"token": release},
            "build": scripts.build_script(release, DeployPolicy("pi", loader="systemd-boot")),
        }

    def build(self, release: str, files: Mapping[str, str] | None = None) -> Switched:
        """Stage a release and build it."""
        self._await_ssh()
        bring = self.payload(release, files)
        for script in (bring["stage"], scripts.secrets_script(release, bring["secrets"])):
            done = self.remote(script)
            assert done.code == 0, done.report
        return self.remote(bring["build"])

    def _await_ssh(self) -> None:
        """systemd calls sshd started before it listens."""
        for _ in range(100):
            look = self.laptop.start(["nc", "-z", "-w1", ADDRESSES["lan"], "22"], "")
            look.communicate(timeout=self.machine.patience)
            if look.returncode == 0:
                return
            time.sleep(0.1)

    def bring(self, release: str, files: Mapping[str, str] | None = None) -> None:
        """Everything before the switch."""
        done = self.build(release, files)
        assert done.code == 0, done.report

    def start(self, release: str, **more: object) -> subprocess.Popen[str]:
        """Start a `homelab switch` as `pulumi up` does, with short timeouts by default."""
        paths = [{"name": link, "address": address} for link, address in ADDRESSES.items()]
        spec = {
            "host": "pi",
            "release": release,
            "host_key": self.machine.host_key,
            "paths": paths,
            "boot": {"loader": "systemd-boot"},
            "activation_seconds": 20,
            "confirm": {"seconds": 20},
            "poll_seconds": 0.2,
            "grace_seconds": 20,
            **more,
        }
        return self.laptop.start([_HOMELAB, "switch", "pi"], json.dumps(spec))

    def switch(self, release: str, **more: object) -> Switched:
        """Run a `homelab switch` to its end."""
        return end(self.start(release, **more), 4 * self.machine.patience)

    def open_gate(self) -> None:
        """Let a `gated` confirmation continue."""
        self.machine.run(f"systemd-run --quiet --unit={_GATE} sleep infinity")

    # --- how the machine is ----------------------------------------------------------------------

    @property
    def state(self) -> Path:
        """Path of the machine's state, for machines whose disks are readable here."""
        return self.machine.root / "var/lib/homelab"

    def running(self) -> str:
        """The label of the running system."""
        return self.machine.run("cat /run/current-system/nixos-version").strip()

    def boots(self) -> str:
        """The label of the system that the boot loader's default entry starts."""
        script = """
          default=$(awk '$1 == "default" { print $2 }' /boot/loader/loader.conf)
          sed -n 's|.*init=[^ ]*-pi-\\([^/]*\\)/init.*|\\1|p' "/boot/loader/entries/$default"
        """
        return self.machine.look(script).strip()

    def profile(self) -> str:
        """The label of the system that the profile names."""
        return (
            self.machine.look("readlink -f /nix/var/nix/profiles/system")
            .strip()
            .rpartition("-pi-")[2]
        )

    def committed(self) -> str:
        """The release that was last committed."""
        return self.machine.look("cat /var/lib/homelab/current 2>/dev/null || true").strip()

    def phases(self) -> list[str]:
        """The phase of every deployment, in the order in which they began."""
        # A deployment has its facts shortly before its first phase.
        script = """
          cd /var/lib/homelab/deployments 2>/dev/null || exit 0
          for begun in $(ls -tr -- */boot 2>/dev/null); do cat "${begun%boot}phase" 2>/dev/null || true; done
        """
        return self.machine.look(script).split()

    def reaches(self, phase: str) -> None:
        """Wait until the last deployment is in this phase."""
        reached = f"a deployment is {phase}"
        try:
            eventually(lambda: self.phases()[-1:] == [phase], reached, self.machine.patience)
        except AssertionError as error:
            log = self.machine.look("tail -n 40 /var/lib/homelab/deployments/*/log || true")
            error.add_note(f"phases: {self.phases()}\n{log}")
            raise

    def went_back(self, label: str = "as-installed") -> None:
        """Whether the last deployment was rolled back completely."""
        self.reaches("rolled_back")
        self.is_wholly(label)

    def is_wholly(self, label: str) -> None:
        """Whether one system runs, is in the profile and is the boot default, and no unit of
        ours is left."""
        assert (self.running(), self.profile(), self.boots()) == (label, label, label)
        units = ("homelab-activate.service", "homelab-rollback.service", "homelab-rollback.timer")
        eventually(lambda: not any(map(self.machine.is_active, units)), "our units have ended")


def kill(client: subprocess.Popen[str]) -> None:
    """Kill the client, as when a laptop loses power."""
    client.kill()
    client.communicate()


def gated(seconds: int = 60) -> dict[str, object]:
    """A confirmation that waits for `House.open_gate`."""
    return {"confirm": {"seconds": seconds, "units": [_GATE]}}


def end(process: subprocess.Popen[str], seconds: int = CLIENT_SECONDS) -> Switched:
    """Wait for the client's end."""
    try:
        output, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return Switched(process.returncode, output)
