"""The dashboard in NixOS: Homepage."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import JsonValue

from homelab.dashboard import icons, local
from homelab.dashboard.model import Tile, secret_name
from homelab.dashboard.plan import DASHBOARD
from homelab.network.model import LOOPBACK
from homelab.network.plan import local_names
from homelab.nix import After, Attrs, Call, Comment, Module, Nix, Path, Raw, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`dashboard.nix`, on the host of the dashboard."""
    dashboard = plan.dashboard
    if dashboard is None or dashboard.host != host.name or dashboard.service != DASHBOARD:
        return
    service = next(s for s in plan.on(host.name) if s.name == DASHBOARD)
    body: Attrs = {
        "enable": True,
        "listenPort": service.port,
        "settings": {"title": dashboard.title},
        "services": [
            {name: [_tile(service, t) for t in tiles]} for name, tiles in dashboard.groups
        ],
    }
    if service.release >= "25.05":
        body["allowedHosts"] = ",".join(_hosts(plan, service))
    script, pictures = local.script(plan), icons.arguments(plan)
    if script:
        body["customJS"] = Call("builtins.readFile", (Path(local.SCRIPT),))
    yield Module(
        file="dashboard.nix",
        what="Dashboard: a tile for every route, in the order of the stack config",
        derived=merge(
            attrs("services.homepage-dashboard", body),
            # The module has no option for the address it listens on.
            attrs(
                'systemd.services."homepage-dashboard".environment.HOSTNAME',
                service.bind,
            ),
            _served(pictures),
            _names(plan, host),
        ),
        extra=(*script, *(icons.library() if pictures else ())),
    )


def _served(pictures: Attrs) -> Attrs:
    """Icons and the favicon. Homepage serves a directory of its package, and has no setting for
    another one.
    """
    if not pictures:
        return {}
    package = Raw("config.services.homepage-dashboard.package")
    mount = Call(icons.CALL, ({**pictures, "package": package},))
    return attrs(
        'systemd.services."homepage-dashboard".serviceConfig.BindReadOnlyPaths', After([mount])
    )


def _names(plan: Plan, host: Host) -> Attrs:
    """Names that the page requests, on a host that does not use the resolver of the stack."""
    if plan.dashboard is None or host.name != plan.dns.host:
        return {}
    known = {name: address for name, address in plan.dns.names if address}
    asked = {urlsplit(t.probe).hostname or "" for _, tiles in plan.dashboard.groups for t in tiles}
    found: dict[str, list[Nix]] = {}
    for name in sorted(asked & known.keys()):
        found.setdefault(known[name], []).append(name)
    why = "Names that the page requests; this host does not use its own resolver."
    return (
        {"networking": {"hosts": {a: Comment(why, n) for a, n in found.items()}}} if found else {}
    )


def _tile(dashboard: Service, tile: Tile) -> Nix:
    body: Attrs = {"href": tile.url}
    if tile.icon:
        body["icon"] = tile.icon
    if tile.description:
        body["description"] = tile.description
    if tile.probe:
        body["siteMonitor"] = tile.probe
    if tile.widget:
        body["widget"] = _filled(dashboard, dict(tile.widget))
    return {tile.title: body}


def _filled(dashboard: Service, value: JsonValue) -> Nix:
    """A value of a widget. Homepage replaces the name of a variable by what its unit has in it."""
    if isinstance(value, dict):
        name = secret_name(value)
        if name is not None:
            secret = dashboard.secrets.get(name)
            return f"{{{{{secret.env if secret else name}}}}}"
        return {key: _filled(dashboard, inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_filled(dashboard, inner) for inner in value]
    return value


def _hosts(plan: Plan, service: Service) -> list[str]:
    """Host headers that it accepts: its names, and its addresses with its port."""
    names: list[str] = []
    addresses = [LOOPBACK]
    for route in plan.routes:
        if route.service == service.name:
            names += route.names
            addresses.append(route.address)
    if plan.stack.network.entry.local_http == service.name:
        names += local_names(plan.stack)
    return list(dict.fromkeys([*names, *(f"{a}:{service.port}" for a in addresses)]))
