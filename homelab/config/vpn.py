"""`homelab:vpn`, and the `vpn` key of services."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homelab.config.base import Address, Model, Name, ServiceSecretRef, Str

Mode = Literal["killswitch", "namespace"]
"""killswitch: packets of the service's group leave through the VPN or are dropped; namespace: the
service runs in a network namespace that has only the VPN."""


_LONGEST = 10
"""Length of a name: with the prefix `veth-` it names an interface, which may have 15 characters."""


_TAKEN = ("all", "default", "init", "lo", "tailscale0", "veth")


def _interface(value: str) -> str:
    if len(value) > _LONGEST:
        raise ValueError(
            f"this is too long for an interface; use {_LONGEST} letters and digits at most"
        )
    if value in _TAKEN:
        raise ValueError(f"{value} is reserved by the system; choose another name")
    return value


def _addressed(value: str) -> str:
    try:
        # ipaddress accepts any text as the zone of an IPv6 address, after a %.
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
    """A WireGuard tunnel to a VPN provider, on one host."""

    host: Name
    """Host of the tunnel. Services that use the tunnel run on the same host."""
    address: Annotated[
        list[Addressed],
        Field(min_length=1, max_length=2),
        BeforeValidator(_listed, json_schema_input_type=Str | list[Str]),
    ]
    """The host's address in the tunnel: `10.2.0.2/32`. With a second one,
    `[10.2.0.2/32, fd00::2/128]`, services in the tunnel also have IPv6."""
    dns: Annotated[list[Address], Field(min_length=1)]
    """The provider's resolvers. Services in the tunnel use only these, through the tunnel."""
    endpoint: Annotated[Str, AfterValidator(_endpoint)]
    """The provider's server: `203.0.113.7:51820`."""
    public_key: WireGuardKey
    """The server's public key: 44 characters that end with `=`."""
    key: ServiceSecretRef
    """The host's private key: in its sops file, in 1Password, or in a file on the host."""
    mtu: Annotated[int, Field(ge=1280, le=9000)] | None = None
    autostart: bool = True
    """Start the tunnel at boot. While it is down, its services have no network."""


class ServiceVpn(Model):
    """The VPN for a service's outgoing traffic."""

    name: VpnName
    """Name of the tunnel in `homelab:vpn`."""
    mode: Mode = "killswitch"
    lan: bool = False
    """With killswitch: the service may also reach the LAN."""
    uid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Uid of the service's user, if it already has another one on the host: 400 to 999."""
    gid: Annotated[int, Field(ge=1, le=60000)] | None = None
    """Gid of the service's group, if it already has another one on the host: 400 to 29999."""

    @model_validator(mode="after")
    def _of_one_mode(self) -> ServiceVpn:
        given = [f for f in ("lan", "uid", "gid") if getattr(self, f)]
        if self.mode == "namespace" and given:
            raise ValueError(
                f"{given[0]} has no effect in a namespace; leave it out, or write mode: killswitch"
            )
        return self


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


VpnUse = Annotated[ServiceVpn, BeforeValidator(_named, json_schema_input_type=VpnName | ServiceVpn)]
"""A VPN, or only its name: `vpn: privado`."""
