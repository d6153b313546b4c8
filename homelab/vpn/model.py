"""Planned VPN tunnels and the services that are confined to them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_interface

from homelab.config.base import ServiceSecretRef
from homelab.config.lock import Numbers
from homelab.config.vpn import Mode


@dataclass(frozen=True)
class Namespace:
    """The two ends of the veth link between a host and a network namespace."""

    number: int
    """Number of its VPN, from 1."""

    @property
    def host(self) -> str:
        """Address of the host's end."""
        return str(IPv4Address("10.200.0.1") + 256 * self.number)

    @property
    def inside(self) -> str:
        """Address of the namespace's end."""
        return str(IPv4Address("10.200.0.2") + 256 * self.number)


@dataclass(frozen=True)
class Member:
    """A service that is confined to a VPN."""

    service: str
    units: tuple[str, ...]
    user: str
    """Its user, and its group of the same name; empty in a namespace, which needs neither."""
    ids: Numbers | None
    port: int
    """Web port; 0 for none."""
    outside: bool
    """Whether other hosts connect to it."""
    lan: bool
    source: str
    is_on_tailnet: bool = False
    """Whether clients connect over the tailnet."""
    called_at: tuple[str, ...] = ()
    """Addresses of its host at which others connect."""
    peers: tuple[str, ...] = ()
    """LAN addresses of the hosts that connect over the LAN."""


@dataclass(frozen=True)
class Vpn:
    """A tunnel that services use."""

    name: str
    """Also its interface."""
    host: str
    mode: Mode
    number: int
    addresses: tuple[str, ...]
    dns: tuple[str, ...]
    endpoint: str
    public_key: str
    key: ServiceSecretRef
    mtu: int | None
    autostart: bool
    members: tuple[Member, ...]
    source: str

    @property
    def namespace(self) -> Namespace:
        """Addresses of the veth link, with mode namespace."""
        return Namespace(self.number)

    @property
    def table(self) -> int:
        """Number of the routing table of its members, with mode killswitch."""
        return 51820 + self.number

    @property
    def unit(self) -> str:
        """The unit that brings the tunnel up, without `.service`."""
        return f"wg-quick-{self.name}" if self.mode == "killswitch" else f"wireguard-{self.name}"

    @property
    def reaches(self) -> tuple[str, ...]:
        """Networks that it routes: everything, for each address family that it has."""
        families = {ip_interface(a).version for a in self.addresses}
        return tuple(net for v, net in ((4, "0.0.0.0/0"), (6, "::/0")) if v in families)

    @property
    def units(self) -> tuple[str, ...]:
        """Units of its members, without `.service`."""
        return tuple(sorted({u for m in self.members for u in m.units}))


@dataclass(frozen=True)
class VpnPlan:
    """Every tunnel that a service uses."""

    vpns: tuple[Vpn, ...] = ()

    def on(self, host: str, mode: Mode) -> tuple[Vpn, ...]:
        """The tunnels of one host and one kind."""
        return tuple(v for v in self.vpns if v.host == host and v.mode == mode)
