"""A stack under the real engine, with lab hosts at loopback addresses.

The lab's engine is not used. The command provider and the runner connect to the stack's addresses,
with an SSH agent that has the lab's key.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from homelab import testing
from homelab.components.host import Host
from homelab.lab import laptop
from homelab.lab.hosts import LabHosts
from tests import build, stackdir

ADDRESSES = {"pi": ("127.0.0.2", "127.0.1.2"), "nas": ("127.0.0.3", "127.0.1.3")}
"""LAN and tailnet address of each host."""
SECOND = {"hut": ("127.0.0.4", "127.0.1.4")}
"""Addresses of the hosts of a second stack."""
ISSUER = {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "ntfy/topic"}}}
"""An issuer without Cloudflare. The hosts' sops files contain its key."""
NEEDED = (
    *("pulumi", "pulumi-language-python", "pulumi-resource-command", "uv"),
    *("ssh-agent", "ssh-add"),
)


@dataclass(frozen=True)
class Run:
    """The result of one command of the engine."""

    ok: bool
    text: str
    """Its output."""
    steps: Mapping[str, str]
    """Operations by resource name, without unchanged resources."""
    failed: frozenset[str]
    """Names of resources that failed."""


def at_loopback(hosts: Mapping[str, object]) -> dict[str, object]:
    """Changes of the stack so that its hosts can be on this machine."""
    return {
        "cloudflare": None,
        "network": {
            "lan": {"cidr": "127.0.0.0/8", "gateway": "127.0.0.1"},
            "entry": {"acme": ISSUER},
        },
        "deploy": {"confirm_seconds": 5, "settle_seconds": 0, "activation_seconds": 30},
        "hosts": hosts,
    }


@dataclass
class Real:
    """A stack directory, the engine that runs it, and the hosts that it reaches."""

    directory: Path
    lab: LabHosts
    environment: dict[str, str]
    hosts: Mapping[str, object]
    """The addresses and ports of each host, as in the stack."""
    second: Mapping[str, object]
    """The same for the hosts of a second stack."""

    def write(self, changes: Mapping[str, object]) -> None:
        """Write the stack file: the smallest homelab on these hosts, with changes."""
        file = self.directory / f"Pulumi.{stackdir.NAME}.yaml"
        salt = [
            line
            for line in (file.read_text().splitlines() if file.exists() else [])
            if line.startswith("encryptionsalt")
        ]
        whole = testing.merged(at_loopback(self.hosts), changes)
        stackdir.write_stack(self.directory, whole)
        self.write_secrets(whole)
        file.write_text("\n".join([file.read_text(), *salt, ""]))

    def write_secrets(self, changes: Mapping[str, object]) -> None:
        """A sops file for each host of a stack, which its host key opens."""
        plan = build.plan(stackdir.changed(changes))
        for host in plan.hosts:
            path = self.directory / "secrets" / f"{host}.yaml"
            path.write_text(build.sops_text(plan, host), encoding="utf-8")

    def run(self, *words: str) -> Run:
        """Run one command of the engine."""
        log = self.directory / "events"
        log.unlink(missing_ok=True)
        ended = self.pulumi(*words, "--event-log", str(log))
        events = [json.loads(line) for line in log.read_text().splitlines()]
        steps, failed = {}, set()
        for event in events:
            step = event.get("resourcePreEvent", {}).get("metadata")
            if step and step["op"] != "same":
                steps[_name(step["urn"])] = step["op"]
            if step := event.get("resOpFailedEvent", {}).get("metadata"):
                failed.add(_name(step["urn"]))
        text = ended.stdout + ended.stderr
        return Run(ended.returncode == 0, text, steps, frozenset(failed))

    def up(self, *words: str) -> Run:
        """Bring the stack up."""
        return self.run("up", "--yes", "--skip-preview", *words)

    def pulumi(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the `pulumi` command."""
        return subprocess.run(
            ["pulumi", *words, "--non-interactive", "--color", "never"],
            cwd=cwd or self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def wanted_releases(self, stack: str = stackdir.NAME) -> dict[str, str]:
        """The release that each host is to run, by the state of a stack."""
        state = json.loads(self.pulumi("stack", "export", "--stack", stack).stdout)
        return {
            _name(resource["urn"]): resource["outputs"]["release"]
            for resource in state["deployment"]["resources"]
            if resource["type"] == Host.token
        }

    def release(self, host: str) -> str:
        """The running release of a host."""
        return (self.lab.root(host) / "run/current-system").resolve().name.rpartition("-")[2]


class _Relay(socketserver.ThreadingTCPServer):
    """Forwards an address and port to a lab host's port."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, port: int, target: int) -> None:
        self.target = target
        super().__init__((address, port), _Pass)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Pass(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.target)) as far:
            back = threading.Thread(target=_copy, args=(far, self.request), daemon=True)
            back.start()
            _copy(self.request, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            # Closing the socket would not wake its reading thread.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    """The smallest homelab without clouds, ready for its first `up`."""
    if lacking := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not on PATH: {', '.join(lacking)}")
    with ExitStack() as stack:
        lab = stack.enter_context(LabHosts(tmp_path / "lab", {**ADDRESSES, **SECOND}))
        hosts = {name: _reached(lab, name, stack) for name in ADDRESSES}
        second = {name: _reached(lab, name, stack) for name in SECOND}
        agent = stack.enter_context(_Agent(lab.directory / "client_key"))
        directory, state = tmp_path / "stack", tmp_path / "state"
        state.mkdir()
        directory.mkdir()
        # The engine reads the program's dependencies from it.
        shutil.copy(build.ROOT / "uv.lock", directory)
        tools = laptop.install(tmp_path / "laptop")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "HOMELAB_"))},
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(tmp_path / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "only a test's",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
            "SSH_AUTH_SOCK": agent.socket,
            # The program and the runner use the tests' environment.
            "UV_PROJECT_ENVIRONMENT": sys.prefix,
        }
        made = Real(directory, lab, environment, hosts, second)
        made.write({})
        init = made.pulumi("stack", "init", stackdir.NAME)
        assert init.returncode == 0, init.stderr
        yield made


def _reached(lab: LabHosts, name: str, stack: ExitStack) -> dict[str, object]:
    """Serve a host at its addresses, all on one port. Returns the changes of the stack."""
    host, port = lab.hosts[name], 0
    for address, target in host.ports.items():
        try:
            relay = _Relay(address, port, target)
        except OSError:
            pytest.skip(f"{address} is no address of this machine")
        stack.callback(relay.stop)
        port = relay.server_address[1]
    lan, tailnet = host.addresses
    return {
        "address": {"lan": lan, "tailnet": tailnet},
        "ssh": {"port": port, "host_key": host.host_key},
    }


class _Agent:
    """An SSH agent with one key, inside a `with` block."""

    def __init__(self, key: Path) -> None:
        self._key = key
        # A socket's path may have 104 characters on some systems.
        self._directory = tempfile.mkdtemp(prefix="agent")
        self.socket = f"{self._directory}/socket"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", self.socket], stdout=subprocess.DEVNULL
        )
        while not Path(self.socket).exists():
            assert self._process.poll() is None, "ssh-agent does not run"
        subprocess.run(
            ["ssh-add", "-q", str(self._key)],
            env={**os.environ, "SSH_AUTH_SOCK": self.socket},
            check=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        shutil.rmtree(self._directory)


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
