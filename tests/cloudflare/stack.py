"""Published stacks for this package's tests."""

from __future__ import annotations

from typing import Any

from homelab.cloudflare.resources import CloudflarePlan
from tests import build

Changes = dict[str, Any]
NAMES: Changes = {"names": {"public": "{name}-home.{zone}"}}


def stack(cloudflare: Changes | None = None, route: Changes | None = None, **more: Any) -> Changes:
    """A tunnel that ends beside the proxy, and one service whose one route has these fields."""
    host = more.pop("on", "nas")
    service = {"host": host, "routes": [{"name": "music", "publish": "tunnel", **(route or {})}]}
    return {
        "cloudflare": {"tunnel": {"host": "pi"}, **(cloudflare or {})},
        "site": NAMES,
        "services": {"navidrome": service},
        **more,
    }


def planned(changes: Changes) -> CloudflarePlan:
    """What Cloudflare is asked for."""
    made = build.plan(changes).cloudflare
    assert made is not None
    return made
