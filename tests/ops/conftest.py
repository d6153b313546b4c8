"""A lab of two hosts, and the whole way of a release to one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.lab.hosts import LabHosts
from homelab.ops.deploy import switch

# What production would pin; under a dial map the lab's own keys take its place.
PIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7r5dN5C6m4ZcV2mRkQyqS3mY6b0xw3oQnJ9m1qf1aR pi"
LAN, TAILNET = "192.168.1.225", "100.100.71.3"


def flake(mark: str) -> dict[str, str]:
    return {
        "flake.nix": "{ outputs = { self }: { nixosConfigurations.pi = import ./default.nix; }; }\n",
        "default.nix": f'{{ system.nixos.tags = [ "{mark}" ]; }}\n',
    }


def eventually(happens: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@dataclass
class Stack:
    """What `pulumi up` would do with the host pi, step by step."""

    lab: LabHosts
    said: list[str] = field(default_factory=list)

    def remote(self, script: str, *, allowed: int = 0) -> str:
        connection = {"host": LAN, "port": 22, "user": "root", "hostKey": PIN}
        status, output, errors = self.lab.run_remote(connection, scripts.shell(), script, {})
        assert status in (0, allowed), output + errors
        return output

    def bring(
        self,
        release: str,
        *,
        allowed: int = 0,
        reboot: Literal["never", "once", "always"] = "never",
        **secrets: str,
    ) -> None:
        """Everything before the switch; `allowed` is how the build may end beside 0."""
        self.remote(scripts.stage_script(release, flake(release)))
        self.remote(scripts.secrets_script(release, secrets))
        self.remote(
            scripts.build_script(release, DeployPolicy("pi", reboot=reboot)), allowed=allowed
        )

    def spec(self, release: str, **more: object) -> str:
        paths = [{"name": "lan", "address": LAN}, {"name": "tailnet", "address": TAILNET}]
        quick = {"poll_seconds": 0.05, "activation_seconds": 30, "confirm": {"seconds": 30}}
        spec = {"host": "pi", "release": release, "host_key": PIN, "paths": paths, **quick, **more}
        return json.dumps(spec)

    def switch(self, release: str, **more: object) -> int:
        self.said = []
        return switch.run(self.spec(release, **more), report=self.said.append)

    def start_switch(self, release: str, **more: object) -> subprocess.Popen[str]:
        """The same in a process of its own, that a test can kill."""
        program = (
            "import sys; from homelab.ops.deploy.switch import run\n"
            "sys.exit(run(sys.stdin.read(), report=lambda line: print(line, flush=True)))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.lab.environment()},
        )
        assert process.stdin
        process.stdin.write(self.spec(release, **more))
        process.stdin.close()
        process.stdin = None
        return process

    def start_unconfirmed(self, release: str) -> subprocess.Popen[str]:
        """The same, and it stays unconfirmed, because a unit is not active."""
        self.lab.hosts["pi"].add_faults({"unit": "slow.service"})
        return self.start_switch(release, confirm={"seconds": 30, "units": ["slow.service"]})

    @property
    def report(self) -> str:
        return "\n".join(self.said)

    @property
    def state(self) -> Path:
        return self.lab.root("pi") / "var/lib/homelab"

    def running(self) -> str:
        return (self.lab.root("pi") / "run/current-system/nixos-version").read_text().strip()

    def boots(self) -> str:
        text = (self.lab.root("pi") / "boot/loader/loader.conf").read_text()
        return text.strip().removesuffix(".conf").rpartition("-pi-")[2]

    def committed(self) -> str:
        path = self.state / "current"
        return path.read_text().strip() if path.exists() else ""

    def phases(self) -> list[str]:
        """The phase of every deployment, in the order in which they began."""
        deployments = sorted(
            self.state.glob("deployments/*/boot"), key=lambda p: p.stat().st_mtime_ns
        )
        phases = [path.with_name("phase") for path in deployments]
        return [phase.read_text().strip() for phase in phases if phase.exists()]

    def units(self) -> set[str]:
        return {path.name for path in (self.lab.root("pi") / "run/lab-units").glob("*")}


@contextmanager
def served_by(directory: Path) -> Iterator[Stack]:
    """The two hosts of a directory; while they serve, only they can be reached."""
    with (
        pytest.MonkeyPatch.context() as environment,
        LabHosts(directory, {"pi": [LAN, TAILNET], "nas": ["192.168.1.9"]}) as lab,
    ):
        for name, value in lab.environment().items():
            environment.setenv(name, value)
        yield Stack(lab)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with served_by(tmp_path) as made:
        yield made
