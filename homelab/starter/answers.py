"""What `homelab init` knows about a new homelab, from flags and questions."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from homelab.network.public import is_public

SignIn = Literal["authelia", "none"]


@dataclass(frozen=True)
class Machine:
    """One NixOS host."""

    name: str
    address: str
    """IPv4 address on the LAN, or on the internet for a rented server."""
    platform: str = "x86_64-linux"
    host_key: str = ""
    """Line of its /etc/ssh/ssh_host_ed25519_key.pub. A placeholder ends in its mark."""
    hardware: str = ""
    """Text of its hardware-configuration.nix. Empty: init writes a placeholder."""

    @property
    def is_public(self) -> bool:
        """Whether its address is one of the internet."""
        return is_public(IPv4Address(self.address))


@dataclass(frozen=True)
class Cloudflare:
    """The Cloudflare account and zone."""

    account: str
    zone: str
    zone_id: str


@dataclass(frozen=True)
class Answers:
    """Everything that the files of a new homelab depend on, except secrets."""

    name: str
    """Name of the project: letters, digits and hyphens."""
    stack: str
    domain: str
    timezone: str
    user: str
    email: str
    ssh_keys: tuple[str, ...]
    machines: tuple[Machine, ...]
    """At least one; the first runs the proxy, the resolver and the sign-in portal."""
    cidr: str
    gateway: str
    service: str
    """Service of the catalog."""
    service_name: str
    """First label of the service's name. Empty for one without a page."""
    operators: tuple[str, ...]
    """age recipients of the people who may edit the secrets."""
    library: str
    """Requirement of PEP 508: `homelab==0.1.0`, or `homelab @ git+https://…`."""
    sign_in: SignIn = "authelia"
    cloudflare: Cloudflare | None = None
    own_sign_in: bool = False
    """The service asks the portal by default, and there is none: people sign in at the app."""
    tailnet: str = ""
    """Name of the tailnet: `tail1a2b3.ts.net`. Empty: none."""
    adopt_later: bool = False
    """Whether the machines run NixOS already. The stack then has no service, and manages nothing
    on them until they are adopted.
    """
    has_flake: bool = False
    """Whether the directory has a flake of its owner. The pins then have a lock of their own."""

    @property
    def first(self) -> Machine:
        """The host with the proxy, the resolver and the portal."""
        return self.machines[0]

    @property
    def keeper(self) -> Machine | None:
        """The host with the backups of the others. One on the internet cannot be reached before it
        has joined the tailnet.
        """
        return next((m for m in self.machines[1:] if not m.is_public), None)

    @property
    def is_local(self) -> bool:
        """Whether no other machine can install the library: it is a path of this one."""
        return "file:" in self.library
