"""The deployer's network namespace, and its two links to a machine. Each link can be cut."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ADDRESSES = {"lan": "192.168.1.225", "tailnet": "100.100.71.3"}
"""The machine's address on each link."""

LAPTOP = {"lan": "192.168.1.2", "tailnet": "100.100.71.2"}
"""The deployer's address on each link."""


def run(*command: str | Path, seconds: float = 60, stdin: str = "") -> str:
    """Run a command. Returns its output; the error contains the output of a failed one."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=seconds
    )
    words = " ".join(map(str, command))
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Laptop:
    """A network namespace with a person's home directory."""

    def __init__(self, name: str, home: Path) -> None:
        self.namespace, self.home = f"laptop-{name}", home
        self.machine = f"machine-{name}"
        """The machine's own namespace."""
        self.key = home / ".ssh/id_ed25519"
        self.key.parent.mkdir(parents=True, mode=0o700)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        run("ip", "netns", "add", self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")

    def plug_in(self, *, taps: bool = False) -> None:
        """Create new links to a machine, as after a power cut.

        The other ends are in the machine's namespace, or are the network cards of a computer.
        """
        self.unplug()
        run("ip", "netns", "add", self.machine)
        laptop = ("ip", "-n", self.namespace)
        for link, address in LAPTOP.items():
            if taps:
                run(*laptop, "tuntap", "add", "dev", link, "mode", "tap")
            else:
                peer = ("peer", "name", link, "netns", self.machine)
                run(*laptop, "link", "add", link, "type", "veth", *peer)
            run(*laptop, "address", "add", f"{address}/24", "dev", link)
            run(*laptop, "link", "set", link, "up")

    def unplug(self) -> None:
        """Remove the links and the machine's network."""
        listed = ("ip", "-n", self.namespace, "-brief", "link")
        names = [line.split()[0] for line in run(*listed).splitlines()]
        for link in ADDRESSES:
            if link in {name.partition("@")[0] for name in names}:
                run("ip", "-n", self.namespace, "link", "delete", link)
        if self.machine in run("ip", "netns", "list").split():
            run("ip", "netns", "delete", self.machine)

    @property
    def public_key(self) -> str:
        """The owner's."""
        return self.key.with_suffix(".pub").read_text()

    def remove(self) -> None:
        """End the links and the laptop's own network."""
        self.unplug()
        run("ip", "netns", "delete", self.namespace)

    def cut(self, link: str) -> None:
        """Cut the link: every packet is dropped silently."""
        policy = f"""
          add table inet cut-{link}
          add chain inet cut-{link} in {{ type filter hook input priority 0; }}
          add chain inet cut-{link} out {{ type filter hook output priority 0; }}
          add rule inet cut-{link} in iifname {link} drop
          add rule inet cut-{link} out oifname {link} drop
        """
        run(*self.inside(), "nft", "-f", "-", stdin=policy)

    def clear_faults(self, link: str) -> None:
        """The link works again."""
        run(*self.inside(), "nft", "delete", "table", "inet", f"cut-{link}")

    def inside(self) -> tuple[str, ...]:
        """The prefix of a command that runs in this namespace."""
        return ("nsenter", f"--net=/run/netns/{self.namespace}", "--")

    def environment(self) -> dict[str, str]:
        """A person's environment: a home, and no agent."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def start(self, command: Sequence[str | Path], stdin: str) -> subprocess.Popen[str]:
        """Start a command in this namespace with this standard input."""
        process = subprocess.Popen(
            [*self.inside(), *command],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        return process
