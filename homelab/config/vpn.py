"""`homelab:vpn`, and which services use a tunnel."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homelab.config.base import Address, Model, Name, SecretRef, Str

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
