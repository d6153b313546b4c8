"""Links of the dashboard that lead to addresses at home."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from homelab.network.route import Route
from homelab.network.table import row_of
from homelab.plan import Plan

SCRIPT = "dashboard/links.js"
"""Path of the script in the tree of the dashboard's host."""


def pairs(plan: Plan) -> Mapping[str, str]:
    """The address at home of each link that leads to a public name, by that link.

    A site that Cloudflare serves has none, and neither has a route that only its public name
    reaches.
    """
    tiles = [t for _, group in plan.dashboard.groups for t in group] if plan.dashboard else []
    found = ((t.url, plan.route_at.get(t.source)) for t in tiles)
    near = ((url, _at_home(plan, route)) for url, route in found if route is not None)
    return {url: here for url, here in sorted(near) if here and here != url}


def _at_home(plan: Plan, route: Route) -> str:
    """An internal name keeps the certificate and the sign-in, so it comes before an address."""
    if route.publish == "internal" or not route.is_web:
        return ""
    if route.internal and route.internal != route.public and plan.dns.host:
        return f"https://{route.internal}"
    if plan.stack.network.entry.host not in plan.hosts:
        return ""  # reported by host-known
    row = row_of(plan, route)
    return row.url(row.local)


def script(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The script of the button, as a file of the tree; nothing without `local_links`."""
    if not plan.stack.dashboard.local_links:
        return ()
    text = resources.files("homelab.dashboard").joinpath("links.js").read_text(encoding="utf-8")
    # JSON is JavaScript. An escaped `<` cannot end the script element of a page.
    table = json.dumps(pairs(plan), indent=2).replace("<", "\\u003c")
    return ((SCRIPT, f"const homelabLocal = {table};\n\n{text}"),)
