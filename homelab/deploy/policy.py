"""The settings of a host's preflight and switch, apart from the release itself."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol

from homelab.config.deploy import DeployMode
from homelab.deploy.windows import Window

ProbeKind = Literal["unit", "http", "dns", "tailnet", "tunnel"]
Restart = Literal["never", "once", "always"]


def restart_of(config: Restarts | None) -> Restart:
    """When a switch may restart the host, as the scripts read it."""
    if config is None:
        return "never"
    return "always" if config.without_one_shot else "once"


class Restarts(Protocol):
    """The restart settings of a host in the stack."""

    @property
    def without_one_shot(self) -> bool:
        """Restart even if the boot loader cannot start a system just once."""


@dataclass(frozen=True)
class ExternalProbe:
    """A test from the deployer's machine, over the network, that something of a host works."""

    kind: Literal["web", "dns"]
    name: str
    """For messages, the path included; unique on a host."""
    address: str
    """An address on the LAN or the tailnet, or empty to resolve the name in public DNS."""
    host: str
    """The host name to request, or to resolve."""


@dataclass(frozen=True)
class Probe:
    """A test on the host that something works which the host is for."""

    kind: ProbeKind
    name: str
    """For messages; unique on a host."""
    target: str
    """A unit, a URL, or a name to resolve; for tailnet and tunnel, the unit."""
    resolve: str = ""
    """For http by a host name: its address, as `curl --resolve` takes it
    (`a.example:443:127.0.0.1`)."""


@dataclass(frozen=True)
class DeployPolicy:
    """The settings of one host's preflight and switch."""

    host: str
    _: KW_ONLY
    mode: DeployMode = "switch"
    """What happens to the built system."""
    stack: str = ""
    """The stack that runs this: until it ends, no other stack may change the host."""
    loader: str = "hardware"
    """Boot loader, as `boot.loader` of the stack names it."""
    limit: int = 10
    """Generations kept on the boot partition."""
    again: str = ""
    """If it differs from the committed one: switch even if the host was changed by hand."""
    dry_run: bool = False
    """Evaluate before the build begins, and print what it will build and fetch."""
    netrc: str = ""
    """File on the host with the passwords of its binary caches."""
    may_fail: tuple[str, ...] = ()
    """Units whose failure does not cause a rollback."""
    reboot: Restart = "never"
    """What to do with a change that takes effect at boot only. never: leave it for the next boot;
    once: restart into the new system, as a one-time boot until it is confirmed; always: restart
    even if the boot loader cannot do a one-time boot."""
    unlocked: bool = False
    """Encrypted disks unlock without a person."""
    need_backups: bool = False
    """Refuse to switch while a backup of the host is too old."""
    clean_up: bool = False
    """Delete generations beyond `limit` after a commit."""
    windows: tuple[Window, ...] = ()
    """Times in which the host may be switched; empty for any time."""
    timezone: str = ""
    """Time zone of the windows; empty without windows."""
    probes: tuple[Probe, ...] = ()
    """Probes that must pass after the switch if they passed before it."""

    @property
    def restarts(self) -> Restart:
        """When it restarts the host: a restart would end a test, and follows a `boot`."""
        return "never" if self.mode in ("test", "boot") else self.reboot
