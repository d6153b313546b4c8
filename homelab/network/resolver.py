"""What every resolver's host needs, whichever program answers there."""

from __future__ import annotations

from homelab.network.model import DnsPlan
from homelab.nix import Attrs, Comment, Nix, attrs, merge


def own_names(dns: DnsPlan) -> Attrs:
    """A resolver's host never asks itself: it must find names while its resolver is down."""
    own: list[Nix] = list(dns.bootstrap)
    return merge(
        attrs(
            "networking.nameservers",
            Comment("This host must find names while its own resolver is down.", own),
        ),
        attrs("services.resolved.enable", False),
    )


_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """A duration such as `1h` as a number of seconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
