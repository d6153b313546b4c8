"""What Tailscale accepts: the properties of each type, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from homelab.lab.provider import Properties, Value
from homelab.lab.standins.records import Shape, items, unknown_properties
from homelab.lab.standins.tailscale_policy import unreadable

ACL: Final = "tailscale:index/acl:Acl"
DNS: Final = "tailscale:index/dnsConfiguration:DnsConfiguration"
KEY: Final = "tailscale:index/tailnetKey:TailnetKey"
TAGS: Final = "tailscale:index/deviceTags:DeviceTags"
ROUTES: Final = "tailscale:index/deviceSubnetRoutes:DeviceSubnetRoutes"
EXPIRY: Final = "tailscale:index/deviceKey:DeviceKey"
DEVICES: Final = (TAGS, ROUTES, EXPIRY)

_T, _B, _L, _N = "text", "bool", "list", "number"
_KEY = {"description": _T, "ephemeral": _B, "expiry": _N, "preauthorized": _B}
_KEY |= {"reusable": _B, "tags": _L}
_DEVICE = frozenset({"deviceId"})
SHAPES: Final[Mapping[str, Shape]] = {
    ACL: Shape({"acl": _T}, {"overwriteExistingContent": _B, "resetAclOnDestroy": _B}),
    DNS: Shape(
        {},
        {"magicDns": _B, "overrideLocalDns": _B, "nameservers": _L}
        | {"searchPaths": _L, "splitDns": _L},
    ),
    TAGS: Shape({"deviceId": _T, "tags": _L}, {}, _DEVICE),
    ROUTES: Shape({"deviceId": _T, "routes": _L}, {}, _DEVICE),
    EXPIRY: Shape({"deviceId": _T}, {"keyExpiryDisabled": _B}, _DEVICE),
    KEY: Shape({}, {**_KEY, "recreateIfInvalid": _T, "userId": _T}, frozenset(_KEY)),
}
ONE: Final = {ACL: "policy", DNS: "dns_configuration"}
"""Types of which a tailnet has exactly one resource."""
_LONGEST = 90 * 24 * 3600
_DNS_NESTED = {"nameservers": ("address", "useWithExitNode"), "splitDns": ("domain", "nameservers")}


def problems(type_: str, inputs: Properties) -> Iterator[str]:
    """Problems that a preview shows. Tailscale itself tests the policy only in an `up`."""
    if type_ == ACL and isinstance(inputs["acl"], str):
        yield from unreadable(inputs["acl"])
    elif type_ == DNS:
        for name, known in _DNS_NESTED.items():
            for item in items(inputs.get(name)):
                yield from unknown_properties(item, known, name)
                servers = [item] if name == "nameservers" else items(item, "nameservers")
                yield from _not_addresses(servers)
        if inputs.get("overrideLocalDns") is True and inputs.get("nameservers", []) == []:
            yield "'overrideLocalDns' needs at least one of 'nameservers'"
    elif type_ == KEY:
        expiry, text = inputs.get("expiry"), inputs.get("description")
        if isinstance(expiry, int | float) and not 0 < expiry <= _LONGEST:
            yield f"'expiry' must be between 1 and {_LONGEST} seconds"
        if isinstance(text, str) and not re.fullmatch(r"[A-Za-z0-9 -]{0,50}", text):
            yield "'description' is at most 50 letters, digits, spaces and hyphens"


def _not_addresses(servers: list[Value]) -> Iterator[str]:
    for server in servers:
        address = server.get("address") if isinstance(server, dict) else None
        if isinstance(address, str):
            try:
                ip_address(address)
            except ValueError:
                if not address.startswith("https://"):
                    yield f"{address} is not an address"
