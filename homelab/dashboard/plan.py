"""Plan the tiles of the dashboard: one for each route, and the links of the stack config."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from homelab.config.stack import StackConfig
from homelab.dashboard.model import DashboardPlan, Tile
from homelab.grouping import grouped
from homelab.monitoring.reach import question
from homelab.network.route import Route, main_first
from homelab.services.declared import declares
from homelab.services.model import Service

DASHBOARD = "homepage"
GLANCE = "glance"
GLANCE_PAGES = "services.glance.settings.pages"


def plan_dashboard(
    stack: StackConfig, services: tuple[Service, ...], routes: tuple[Route, ...]
) -> DashboardPlan | None:
    """A tile for each route, in its group. `None` if no dashboard runs.

    Groups have the order of the stack config. Groups that only the facts of services name come
    after them, by name. A check reports a group that the stack config names at a tile alone.
    """
    dashboard = _shown_by(services)
    if dashboard is None:
        return None
    by_place = {(s.name, s.host): s for s in services}
    by_service = grouped((r for r in routes if r.is_web), lambda r: r.service)
    main = {name: main_first(found)[0] for name, found in by_service.items()}
    skipped = set()
    tiles = []
    for route in routes:
        service = by_place.get((route.service, route.host))
        if service is None or service is dashboard or not route.is_web:
            continue
        reason = service.config.tile.skip
        if reason is not None:
            skipped.add((service.name, reason))
        else:
            tiles.append(_tile(stack, dashboard, route, service, main[service.name]))
    for index, link in enumerate(stack.dashboard.links):
        where = f"dashboard.links[{index}]"
        tiles.append(Tile(**link.model_dump(), probe="", source=where, chosen=True))
    declared = stack.dashboard.groups
    groups = [*declared, *sorted({t.group for t in tiles} - set(declared))]
    by_group = grouped(tiles, lambda t: t.group)
    return DashboardPlan(
        service=dashboard.name,
        host=dashboard.host,
        title=stack.dashboard.title,
        groups=tuple(
            (g, tuple(sorted(by_group[g], key=lambda t: t.title)))
            for g in dict.fromkeys(groups)
            if g in by_group
        ),
        skipped=tuple(sorted(skipped)),
    )


def _shown_by(services: tuple[Service, ...]) -> Service | None:
    """Homepage, or else Glance, unless the stack config states Glance's pages itself."""
    named = {s.name: s for s in services if s.name in (DASHBOARD, GLANCE)}
    glance = named.get(GLANCE)
    if glance is not None and declares(glance.config, GLANCE_PAGES):
        glance = None
    return named.get(DASHBOARD) or glance


def _tile(
    stack: StackConfig, dashboard: Service, route: Route, service: Service, main: Route
) -> Tile:
    watcher = dashboard.host
    wanted, entry = service.config.tile, service.entry
    title = wanted.title or entry.title
    if route is not main:
        title = f"{title} ({route.name})"
    asked = question(stack, route, service, watcher)
    # An app that is checked by TCP has no page to request, so its tile shows no state.
    web = asked.url.startswith("http") and entry.monitor == "http"
    return Tile(
        title=title,
        url=route.url,
        icon=wanted.icon or entry.icon,
        description=wanted.description or entry.summary,
        group=wanted.group or entry.category,
        probe=asked.url if web and service.config.monitor.skip is None else "",
        source=route.source,
        chosen=wanted.group is not None,
        widget=_widget(watcher, route, service) if route is main else {},
    )


def _widget(watcher: str, route: Route, service: Service) -> Mapping[str, JsonValue]:
    """The widget of the stack config. Its requests need no sign-in: on the host of the app they go
    to the app itself.
    """
    widget = service.config.tile.widget
    near = route.upstream if service.host == watcher else route.url
    return {"url": near, **widget} if widget else {}
