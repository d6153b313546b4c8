"""The dashboard in NixOS: Glance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.dashboard import icons, local
from homelab.dashboard.model import Tile
from homelab.dashboard.plan import GLANCE, GLANCE_PAGES
from homelab.nix import After, Attrs, Call, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

_PREFIXED = re.compile(r"(mdi|si|sh)-(.+)")
"""Icons of Homepage from collections of their own, which Glance has under the same letters."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`dashboard.nix`, on the host of Glance if it is the dashboard."""
    dashboard = plan.dashboard
    if dashboard is None or dashboard.host != host.name or dashboard.service != GLANCE:
        return
    groups: list[Nix] = [
        {"title": name, "links": [_link(t) for t in tiles]} for name, tiles in dashboard.groups
    ]
    column: Nix = {"size": "full", "widgets": [{"type": "bookmarks", "groups": groups}]}
    page: Nix = {"name": dashboard.title, "columns": [column]}
    yield Module(
        file="dashboard.nix",
        what="Dashboard: a link for every route, in the order of the stack config",
        derived=merge(attrs(GLANCE_PAGES, After([page])), _served(plan)),
        extra=(*local.script(plan), *(icons.library() if _pictures(plan) else ())),
    )


def _pictures(plan: Plan) -> Attrs:
    return icons.arguments(plan, with_script=True)


def _served(plan: Plan) -> Attrs:
    """The directory that Glance serves below /assets, and what refers to its files."""
    config, pictures = plan.stack.dashboard, _pictures(plan)
    if not pictures:
        return {}
    settings: Attrs = {"server": {"assets-path": Call(icons.CALL, (pictures,))}}
    if config.favicon:
        settings["branding"] = {
            "app-icon-url": "/assets/android-chrome-512x512.png",
            "app-name": config.title,
            "favicon-url": "/assets/favicon.svg",
        }
    if config.local_links:
        settings["document"] = {"head": '<script src="/assets/links.js" defer></script>'}
    return attrs("services.glance.settings", settings)


def _link(tile: Tile) -> Nix:
    link: Attrs = {"title": tile.title, "url": tile.url}
    if tile.icon:
        link["icon"] = _icon(tile.icon)
    if tile.description:
        link["description"] = tile.description
    return link


def _icon(icon: str) -> str:
    """An icon in Glance's words: an address as it is, a name of Dashboard Icons as `di:NAME`."""
    if "/" in icon:
        return icon
    if found := _PREFIXED.fullmatch(icon):
        return f"{found[1]}:{found[2]}"
    return f"di:{icon.rpartition('.')[0] or icon}"
