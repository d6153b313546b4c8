"""A host and the rest of the world, as two network namespaces with cables between them.

Made by the test and removed after it; the machine's own network is not touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tools.programs import need

PROBE = Path(__file__).with_name("probe.py")
SCRIPTS = Path(__file__).parents[2] / "homelab/vpn"
NUMBERS = SCRIPTS.parent / "system/numbers.sh"
TUNNEL = "privado"

LAN = "192.168.1.0/24"
HOST, ROUTER, NEIGHBOUR = "192.168.1.3", "192.168.1.1", "192.168.1.10"
HOST6, ROUTER6 = "fd00:1::3", "fd00:1::1"
INSIDE, INSIDE6 = "10.2.0.2", "fd00:2::2"
TAILNET, PEER = "100.64.0.3", "100.64.0.2"
ELSEWHERE, ELSEWHERE6 = "203.0.113.9", "2001:db8::9"

OUT = (
    f"udp4 {ELSEWHERE} 4000",
    f"udp6 {ELSEWHERE6} 4001",
    f"tcp4 {ELSEWHERE} 4002",
    f"tcp6 {ELSEWHERE6} 4003",
    f"udp4 {ELSEWHERE} 53",
    f"udp6 {ELSEWHERE6} 53",
    f"tcp4 {ELSEWHERE} 853",
)
OUT_SEEN = ["udp4 4000", "udp6 4001", "tcp4 4002", "tcp6 4003", "udp4 53", "udp6 53", "tcp4 853"]


def ip(*words: str) -> None:
    run("ip", *words)


def run(*words: str, stdin: str = "") -> str:
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


class Net:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def words(self, *words: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]

    def run(self, *words: str, stdin: str = "") -> str:
        return run(*self.words(*words), stdin=stdin)

    def script(
        self, file: str, text: str, root: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Some calls of one of the shipped scripts, as a unit would make them."""
        env = {**os.environ, "HOMELAB_ROOT": str(root)} if root else None
        return subprocess.run(
            self.words(
                "bash", "-euo", "pipefail", "-c", f". {NUMBERS}\n. {SCRIPTS / file}\n{text}"
            ),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=env,
        )

    def probe(self, *words: str) -> str:
        return self.run(sys.executable, str(PROBE), *words)

    def ask(self, address: str, port: int, patience: float = 10) -> str:
        return self.probe("ask", address, str(port), str(patience)).strip()

    @contextmanager
    def background(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A probe that has said that it is ready."""
        with subprocess.Popen(
            self.words(sys.executable, str(PROBE), *words), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                yield process
            finally:
                process.kill()

    def serve(self, address: str, port: int, gid: int = 0):
        return self.background("serve", str(gid), address, str(port))


class Wires:
    """The host, the world, and what is seen on the cables between them."""

    def __init__(self, host: Net, world: Net) -> None:
        self.host = host
        self.world = world

    def seen(
        self,
        wire: str,
        *what: str,
        uid: int = 0,
        gid: int = 0,
        near: str = "",
        net: Net | None = None,
    ) -> list[str]:
        """What goes by on a wire while somebody on the host sends these.

        `wire` is the world's end and `near` the host's, where they have different names.
        """
        watcher = self.host if wire == "lo" else self.world
        with watcher.background("watch", wire) as watching:
            (net or self.host).probe("send", near or wire, str(uid), str(gid), *what)
            out, _ = watching.communicate(timeout=30)
        lines = out.splitlines()
        assert lines[-1] == "udp4 9999"
        return [line for line in lines[:-1] if line.startswith(("udp", "tcp"))]

    def load(self, table: str, content: str) -> None:
        """A table of the packet filter, as NixOS writes it around the content."""
        self.host.run("nft", "-f", "-", stdin=f"table inet {table} {{\n{content}}}\n")

    def connect(self, near: str, far: str, *addresses: tuple[str, str]) -> None:
        """A cable from the host to the world, with (own, other's) addresses of its ends."""
        host, world = self.host.name, self.world.name
        ip("-n", host, "link", "add", near, "type", "veth", "peer", "name", far, "netns", world)
        for own, other in addresses:
            ip(
                "-n",
                host,
                "address",
                "add",
                own,
                "dev",
                near,
                "nodad" if ":" in own else "noprefixroute",
            )
            if other:
                ip(
                    "-n",
                    world,
                    "address",
                    "add",
                    other,
                    "dev",
                    far,
                    "nodad" if ":" in other else "noprefixroute",
                )
        ip("-n", host, "link", "set", near, "up")
        ip("-n", world, "link", "set", far, "up")

    def tunnel(self, name: str = TUNNEL) -> None:
        """What stands in for WireGuard: an interface that takes every packet it is given."""
        self.connect(name, "wan", (f"{INSIDE}/32", ""), (f"{INSIDE6}/128", ""))
        ip("-n", self.host.name, "link", "set", name, "arp", "off")


def require() -> None:
    """Root, and the programs; in CI there is no way around."""
    if os.geteuid():
        pytest.skip("only root makes network namespaces")
    for program in ("ip", "nft", "nsenter"):
        need(program)


@contextmanager
def wires() -> Iterator[Wires]:
    """A host on a LAN with a router, and on a tailnet; no tunnel yet."""
    require()
    host, world = Net(f"hl-{os.getpid()}-host"), Net(f"hl-{os.getpid()}-world")
    made = subprocess.run(
        ["ip", "netns", "add", host.name], capture_output=True, text=True, check=False
    )
    if made.returncode:
        assert os.environ.get("CI") != "true", made.stderr
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        ip("netns", "add", world.name)
        for net in (host, world):
            ip("-n", net.name, "link", "set", "lo", "up")
        both = Wires(host, world)
        both.connect("eth", "lan", (f"{HOST}/24", f"{ROUTER}/24"), (f"{HOST6}/64", f"{ROUTER6}/64"))
        both.connect("tailscale0", "tail", (f"{TAILNET}/32", f"{PEER}/32"))
        ip("-n", host.name, "route", "add", LAN, "dev", "eth")
        ip("-n", world.name, "route", "add", LAN, "dev", "lan")
        ip("-n", host.name, "route", "add", "default", "via", ROUTER, "dev", "eth")
        ip("-n", host.name, "-6", "route", "add", "default", "via", ROUTER6, "dev", "eth")
        ip("-n", host.name, "route", "add", f"{PEER}/32", "dev", "tailscale0")
        ip("-n", world.name, "route", "add", f"{TAILNET}/32", "dev", "tail")
        # Nobody has to ask for a neighbour first, so packets keep their order.
        mac = _mac(world, "lan")
        for address in (ROUTER, NEIGHBOUR, ROUTER6):
            ip(
                "-n",
                host.name,
                "neigh",
                "replace",
                address,
                "lladdr",
                mac,
                "dev",
                "eth",
                "nud",
                "permanent",
            )
        yield both
    finally:
        for net in (host, world):
            subprocess.run(["ip", "netns", "delete", net.name], capture_output=True, check=False)


def _mac(net: Net, wire: str) -> str:
    words = net.run("ip", "-o", "link", "show", wire).split()
    return words[words.index("link/ether") + 1]
