"""VPN: a way out that some services must take, and what the plan knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homelab.model import Address, Model, Name, SecretRef, Str

Mode = Literal["killswitch", "namespace"]
"""killswitch: packets of the service's group leave by the VPN or are dropped; namespace: the
service sees no network but the VPN's."""

_LONGEST = 10
"""Letters of a name: with `veth-` before it, it is an interface, and those have 15."""
_TAKEN = ("all", "default", "init", "lo", "tailscale0", "veth")


def _interface(value: str) -> str:
    if len(value) > _LONGEST:
        raise ValueError(
            f"this is too long for an interface; use {_LONGEST} letters and digits at most"
        )
    if value in _TAKEN:
        raise ValueError(f"{value} means something else to the system; choose another name")
    return value


def _addressed(value: str) -> str:
    try:
        # The zone of an IPv6 address, after a %, may be any text to ipaddress.
        ip_interface("" if "%" in value else value)
    except ValueError:
        raise ValueError(
            "this is not an address; write it as the provider does: 10.2.0.2/32"
        ) from None
    return value


def _endpoint(value: str) -> str:
    host, _, port = value.rpartition(":")
    if (
        not host
        or not (port.isascii() and port.isdecimal())
        or not 1 <= int(port) <= 65535
        or set(host) - _ENDPOINT
    ):
        raise ValueError("this is not an endpoint; write host:port, as 203.0.113.7:51820")
    return value


_ENDPOINT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")

VpnName = Annotated[Name, AfterValidator(_interface)]
WireGuardKey = Annotated[Str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Addressed = Annotated[Str, AfterValidator(_addressed)]


class VpnConfig(Model):
    """A WireGuard tunnel of a provider, on one host."""

    host: Name
    """Host of the tunnel; its services run there too."""
    address: Annotated[
        list[Addressed],
        Field(min_length=1, max_length=2),
        BeforeValidator(_listed, json_schema_input_type=Str | list[Str]),
    ]
    """Our address inside the tunnel: `10.2.0.2/32`; with a second, `[10.2.0.2/32, fd00::2/128]`,
    services inside have IPv6 too."""
    dns: Annotated[list[Address], Field(min_length=1)]
    """The provider's resolvers. Services inside ask these, through the tunnel, and no others."""
    endpoint: Annotated[Str, AfterValidator(_endpoint)]
    """The provider's server: `203.0.113.7:51820`."""
    public_key: WireGuardKey
    """The server's public key: 44 characters, the last one `=`."""
    key: SecretRef
    """Our private key, in the host's sops file."""
    mtu: Annotated[int, Field(ge=1280, le=9000)] | None = None
    autostart: bool = True
    """Bring the tunnel up at boot. While it is down, what belongs to it reaches nothing."""


class ServiceVpn(Model):
    """The VPN that a service leaves by."""

    name: VpnName
    """Which one."""
    mode: Mode = "killswitch"
    lan: bool = False
    """With killswitch: the LAN may be reached too."""
    uid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Number of the service's user, where its host already has another."""
    gid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Number of the service's group, where its host already has another."""

    @model_validator(mode="after")
    def _of_one_mode(self) -> ServiceVpn:
        said = [f for f in ("lan", "uid", "gid") if getattr(self, f)]
        if self.mode == "namespace" and said:
            raise ValueError(
                f"a namespace has no use for {said[0]}; leave it out, or write mode: killswitch"
            )
        return self


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


VpnUse = Annotated[ServiceVpn, BeforeValidator(_named, json_schema_input_type=VpnName | ServiceVpn)]
"""Its name alone will do: `vpn: privado`."""


@dataclass(frozen=True)
class Namespace:
    """The two ends of the cable between a host and a namespace on it."""

    number: int
    """Of its VPN; from 1 on."""

    @property
    def host(self) -> str:
        """The host, as the namespace sees it."""
        return str(IPv4Address("10.200.0.1") + 256 * self.number)

    @property
    def inside(self) -> str:
        """The namespace, as the host sees it."""
        return str(IPv4Address("10.200.0.2") + 256 * self.number)


@dataclass(frozen=True)
class Ids:
    """What a service's user and group are called in packets and files."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Member:
    """A service that leaves by a VPN."""

    service: str
    units: tuple[str, ...]
    user: str
    """Its user, and its group of the same name; empty in a namespace, which needs neither."""
    ids: Ids | None
    port: int
    """Web port; 0 for none."""
    outside: bool
    """Whether others than its host call it."""
    lan: bool
    source: str
    is_on_tailnet: bool = False
    """Whether some of them come over the tailnet."""
    called_at: tuple[str, ...] = ()
    """Addresses of its host that others find it at."""
    peers: tuple[str, ...] = ()
    """LAN addresses of the hosts that call it over the LAN."""


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
    key: SecretRef
    mtu: int | None
    autostart: bool
    members: tuple[Member, ...]
    source: str

    @property
    def namespace(self) -> Namespace:
        """Addresses of the cable, with mode namespace."""
        return Namespace(self.number)

    @property
    def table(self) -> int:
        """Routing table of what must leave by it, with mode killswitch."""
        return 51820 + self.number

    @property
    def unit(self) -> str:
        """The unit that brings the tunnel up, without `.service`."""
        return f"wg-quick-{self.name}" if self.mode == "killswitch" else f"wireguard-{self.name}"

    @property
    def reaches(self) -> tuple[str, ...]:
        """Destinations that the tunnel takes: those of the families it has an address of."""
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
