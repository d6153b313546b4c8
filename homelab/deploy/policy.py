"""What a host's preflight and switch go by, apart from the release itself."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol

ProbeKind = Literal["unit", "http", "dns", "tailnet", "tunnel"]
Restart = Literal["never", "once", "always"]


def restart_of(how: Restarts | None) -> Restart:
    """The word of the scripts for what the stack allows."""
    if how is None:
        return "never"
    return "always" if how.without_one_shot else "once"


class Restarts(Protocol):
    """What the stack says of a host's restarts."""

    @property
    def without_one_shot(self) -> bool:
        """Also where no boot loader can start a system just once."""


@dataclass(frozen=True)
class ExternalProbe:
    """One thing that a host is for, as the deployer finds it over a path of the household."""

    kind: Literal["web", "dns"]
    name: str
    """What people call it, the path included; no two of a host share it."""
    address: str
    """Whom to ask: an address on the LAN or the tailnet, or empty for what the internet answers."""
    host: str
    """The name to ask for."""


@dataclass(frozen=True)
class Probe:
    """One thing that a host is for, and how to see on the host whether it works."""

    kind: ProbeKind
    name: str
    """What people call it; no two of a host share it."""
    target: str
    """A unit, an address to ask, or a name to resolve; its unit, for tailnet and tunnel."""
    resolve: str = ""
    """For http by a host name: where that leads, as curl takes it (`a.example:443:127.0.0.1`)."""


@dataclass(frozen=True)
class DeployPolicy:
    """What one host's preflight and switch go by."""

    host: str
    _: KW_ONLY
    stack: str = ""
    """Whose run this is: while it goes on, no other stack changes the host."""
    loader: str = "hardware"
    """Boot loader, in the stack's word for it."""
    limit: int = 10
    """Generations kept on the boot partition."""
    again: str = ""
    """Another word than last time: switch again, whatever somebody did to the host by hand."""
    dry_run: bool = False
    """Evaluate before the build begins, and say what it will build and fetch."""
    may_fail: tuple[str, ...] = ()
    """Units whose failure is no reason to roll back."""
    reboot: Restart = "never"
    """For what only a boot brings in. never: it waits for one; once: the host is restarted into it,
    just once before it is confirmed; always: also where no boot loader can start a system once."""
    unlocked: bool = False
    """Encrypted disks open without a person."""
    clean_up: bool = False
    """Delete generations beyond `limit` after a commit."""
    probes: tuple[Probe, ...] = ()
    """What must still answer after the switch, where it answered before."""
