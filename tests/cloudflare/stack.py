"""Stacks with published services, for the tests of this package."""

from __future__ import annotations

from typing import Any

from homelab.cloudflare.resources import CloudflarePlan
from tests import build

Changes = dict[str, Any]
NAMES: Changes = {"names": {"public": "{name}-home.{zone}"}}


def stack(cloudflare: Changes | None = None, route: Changes | None = None, **more: Any) -> Changes:
    """A stack with a tunnel at the proxy's host, and one service with a route with these fields."""
    host = more.pop("on", "nas")
    service = {"host": host, "routes": [{"name": "music", "publish": "tunnel", **(route or {})}]}
    return {
        "cloudflare": {"tunnel": {"host": "pi"}, **(cloudflare or {})},
        "site": NAMES,
        "services": {"navidrome": service},
        **more,
    }


def planned(changes: Changes) -> CloudflarePlan:
    """The planned Cloudflare resources."""
    made = build.plan(changes).cloudflare
    assert made is not None
    return made
