"""Icons and the favicon that the dashboard serves itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources

from homelab.check import FILE_PRESENT, file_check
from homelab.dashboard.local import SCRIPT, script
from homelab.dashboard.model import DashboardPlan, Tile
from homelab.dashboard.plan import DASHBOARD
from homelab.deploy.shell import can_carry
from homelab.nix import Attrs, Path
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host

ICON_MISSING = file_check(
    "icon-missing",
    "warning",
    "A tile without a file in `dashboard.icons` loads its icon from jsdelivr.net, which sees every "
    "browser that opens the dashboard.",
)
_SUFFIXES = (".svg", ".png", ".webp", ".jpg", ".jpeg", ".gif", ".ico")
_ICONS = "dashboard/icons"
_FAVICON = "dashboard/favicon.svg"
_LIBRARY = "lib/dashboard-pictures.nix"
_HERE = "/icons/"
"""Where Homepage serves the icons. Glance serves them one level lower."""

Sources = Mapping[str, str | bytes]


def wanted(plan: Plan) -> Iterator[tuple[str, str]]:
    """(path beside the stack file, place in the stack config) of what the dashboard serves."""
    config = plan.stack.dashboard
    if plan.dashboard is not None:
        if config.icons:
            yield config.icons, "dashboard.icons"
        if config.favicon:
            yield config.favicon, "dashboard.favicon"


def with_icons(plan: Plan, sources: Sources) -> Plan:
    """The plan whose tiles have the addresses of the icons that the dashboard serves."""
    dashboard = plan.dashboard
    if dashboard is None or not plan.stack.dashboard.icons:
        return plan
    names = _names(plan, sources)
    groups = tuple(
        (group, tuple(_served(plan, dashboard, tile, names) for tile in tiles))
        for group, tiles in dashboard.groups
    )
    return replace(plan, dashboard=replace(dashboard, groups=groups))


def _served(plan: Plan, dashboard: DashboardPlan, tile: Tile, names: frozenset[str]) -> Tile:
    name = _file_of(plan, tile, names)
    if not name:
        return tile
    place = _HERE if dashboard.service == DASHBOARD else f"/assets{_HERE}"
    return replace(tile, icon=f"{place}{name}")


def _file_of(plan: Plan, tile: Tile, names: frozenset[str]) -> str:
    """The file of a tile, below the directory; empty for none."""
    if "/" in tile.icon:
        given = tile.icon.removeprefix(_HERE)
        return given if tile.icon.startswith(_HERE) and given in names else ""
    if tile.icon in names:
        return tile.icon
    route = plan.route_at.get(tile.source)
    stems = [_stem(tile.icon), *([route.service] if route else [])]
    for stem in filter(None, stems):
        for suffix in _SUFFIXES:
            if stem + suffix in names:
                return stem + suffix
    return ""


def _stem(icon: str) -> str:
    """The name of an icon without the suffix of a picture."""
    stem, dot, suffix = icon.rpartition(".")
    return stem if dot + suffix in _SUFFIXES else icon


def _names(plan: Plan, sources: Sources) -> frozenset[str]:
    """The files of the directory, as paths below it."""
    top = f"{plan.stack.dashboard.icons}/"
    return frozenset(
        path.removeprefix(top)
        for path in sources
        if path.startswith(top) and path.lower().endswith(_SUFFIXES)
    )


def carried(plan: Plan, host: Host, sources: Sources) -> dict[str, str | bytes]:
    """The icons and the favicon in the tree of the dashboard's host."""
    config = plan.stack.dashboard
    if plan.dashboard is None or plan.dashboard.host != host.name:
        return {}
    out = {f"{_ICONS}/{n}": sources[f"{config.icons}/{n}"] for n in sorted(_names(plan, sources))}
    if config.favicon and config.favicon in sources:
        out[_FAVICON] = sources[config.favicon]
    return out


def arguments(plan: Plan, *, with_script: bool = False) -> Attrs:
    """What the library makes files of; empty if the dashboard serves only its own."""
    config = plan.stack.dashboard
    out: Attrs = {}
    if config.icons:
        out["icons"] = Path(_ICONS)
    if config.favicon:
        out["favicon"] = Path(_FAVICON)
    if with_script and script(plan):
        out["script"] = Path(SCRIPT)
    return out


CALL = f"pkgs.callPackage ./{_LIBRARY}"


def library() -> tuple[tuple[str, str], ...]:
    """The library, as a file of the tree."""
    text = resources.files("homelab.dashboard").joinpath("pictures.nix")
    return ((_LIBRARY, text.read_text(encoding="utf-8")),)


def check_icons(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Tiles whose icon would come from elsewhere."""
    directory = plan.stack.dashboard.icons
    if plan.dashboard is None or not directory:
        return
    if any(path.startswith(f"{directory}/") for path in sources) and not _names(plan, sources):
        yield Problem(
            "dashboard.icons",
            f"{directory} has no picture",
            f"add one, or leave it out; pictures end in {', '.join(_SUFFIXES)}",
            check=FILE_PRESENT,
        )
        return
    names = _names(plan, sources)
    for name in sorted(n for n in names if not can_carry(n)):
        yield Problem(
            "dashboard.icons",
            f"{posixpath.join(directory, name)!r} has a name that a deployment cannot write",
            "rename it: letters of English, digits, blanks and . _ + @ = , ~ - only",
            check=FILE_PRESENT,
        )
    elsewhere: dict[str, str] = {}
    for _, tiles in plan.dashboard.groups:
        for tile in tiles:
            route = plan.route_at.get(tile.source)
            if _file_of(plan, tile, names):
                continue
            if tile.icon.startswith(_HERE):
                at = f"services.{route.service}.tile.icon" if route else f"{tile.source}.icon"
                there = posixpath.join(directory, tile.icon.removeprefix(_HERE))
                yield Problem(
                    at,
                    f"there is no {there}",
                    "add it, or write the name of an icon",
                    check=ICON_MISSING,
                    severity="warning",
                )
            elif tile.icon and "/" not in tile.icon:
                stem = route.service if route else _stem(tile.icon)
                elsewhere.setdefault(stem, tile.title)
    if names and elsewhere:
        yield Problem(
            "dashboard.icons",
            f"browsers load the icons of these tiles from jsdelivr.net: {_listed(elsewhere)}",
            f"add {', '.join(f'{directory}/{stem}.svg' for stem in elsewhere)}",
            check=ICON_MISSING,
            severity="warning",
        )


def _listed(titles: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(titles.values()))
