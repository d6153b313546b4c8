"""Addresses of machines on the internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_NOT_PUBLIC = tuple(
    IPv4Network(n)
    for n in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
    )
)
"""Special-purpose networks (RFC 6890), multicast and reserved addresses; not the networks for
documentation, which stand for public ones.
"""
_PUBLIC_6 = IPv6Network("2000::/3")
"""Global unicast addresses (RFC 4291)."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether a machine on the internet can have this address."""
    if isinstance(address, IPv6Address):
        return address in _PUBLIC_6
    return not any(address in network for network in _NOT_PUBLIC)
