"""Names at home for which nothing answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.network.model import DNS_PORT, LOOPBACK, OTHER_RESOLVERS
from homelab.network.route import Route
from homelab.network.table import row_of
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options
from homelab.system.own_flake import system_settings

NAMES_ANSWERED = file_check(
    "names-answered",
    "warning",
    "Without a resolver, a browser at home does not find an app by its internal name.",
)
_PROGRAM = re.compile(
    r"(?<![a-z])(adguard(home)?|bind|blocky|coredns|dnsdist|dnsmasq|knot|kresd|nsd|pdns|pi-?hole"
    r"|powerdns|technitium|unbound)(?![a-z])",
    re.IGNORECASE,
)
"""Servers of names, as services, images and options of NixOS call them."""
_NO_SERVER = ("services.resolved.enable",)
"""Options of resolvers that answer their own host alone."""
_PUBLISHED = re.compile(rf"(^|:){DNS_PORT}(:\d+)?(/udp)?$")

Sources = Mapping[str, str | bytes]


def check_names(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Routes that only their internal name leads to, with `network.dns: {server: none}`."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if plan.stack.network.dns.server != "none" or entry is None or not entry.is_deployed:
        return
    if not entry.config.manages("proxy") or _is_served(plan, sources):
        return
    found = {r.name for r in plan.routes if _is_found(plan, r)}
    names = sorted({r.internal for r in plan.routes if r.internal and r.name not in found})
    lost = [name for name in names if not _is_split(plan, name)]
    if lost:
        yield Problem(
            "network.dns.server",
            f"nothing at home answers for {', '.join(lost)}",
            f"write dns: {{host: {entry.name}, server: blocky}}; or server: elsewhere, if your "
            f"router or another resolver answers for them with {entry.lan or 'its address'}; or "
            "publish them, or open their ports at home: lan_direct: true in routes",
            check=NAMES_ANSWERED,
            severity="warning",
        )


def _is_found(plan: Plan, route: Route) -> bool:
    """Whether another name or address leads to a route."""
    row = row_of(plan, route) if route.host in plan.hosts else None
    return row is not None and bool(row.local or row.alias or row.public or row.tailnet)


def _is_split(plan: Plan, name: str) -> bool:
    """Whether the tailnet asks another resolver for a name."""
    split = plan.stack.tailnet.dns.split if plan.stack.tailnet is not None else {}
    return any(name == domain or name.endswith(f".{domain}") for domain in split)


def _is_served(plan: Plan, sources: Sources) -> bool:
    """Whether the owner plainly runs a server of names that the plan does not know."""
    if any(use.port == DNS_PORT and use.scope != "loopback" for use in plan.ports):
        return True
    for service in plan.services:
        images = (part.config.image for part in service.parts)
        if any(_PROGRAM.search(text) for text in (service.name, service.entry.name, *images)):
            return True
    options = [o for c in plan.stack.services.values() for o in declared_options(c)]
    if any(
        o.name in OTHER_RESOLVERS and o.name not in _NO_SERVER and o.value is True for o in options
    ):
        return True
    return any(
        _serves(setting.path, setting.value)
        for host in plan.hosts.values()
        for setting in system_settings(host, sources)
    )


def _serves(path: tuple[str, ...], value: object) -> bool:
    """Whether an option of a hand-written module starts such a server or opens its port."""
    items = value if isinstance(value, tuple | list) else (value,)
    if path[:1] == ("services",) and path[2:] == ("enable",):
        return value is True and bool(_PROGRAM.fullmatch(re.split("[-_]", path[1])[0]))
    if path[-1:] == ("allowedUDPPorts",):
        return DNS_PORT in items
    is_port = path[:2] == ("virtualisation", "oci-containers") and path[-1:] == ("ports",)
    texts = [item for item in items if isinstance(item, str)]
    return is_port and any(
        _PUBLISHED.search(t.rpartition(":")[0]) and not t.startswith(LOOPBACK) for t in texts
    )
