"""Print a plan, for people and for scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import yaml
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homelab.config.expansion import Expansion, families_of
from homelab.config.load import document_of
from homelab.config.scalar import Value
from homelab.network.table import route_table
from homelab.plan import Plan
from homelab.system.model import Host
from homelab.tailnet.direct import tailnet_urls

_WIDE = 10_000


def as_data(plan: Plan) -> dict[str, JsonValue]:
    """The plan as plain data."""
    return {
        "hosts": {
            h.name: {
                "role": h.role,
                "platform": h.config.platform,
                "state": h.config.state,
                "lan": h.lan,
                "tailnet": h.tailnet,
                "public": h.public,
                "services": [*sorted(s.name for s in plan.on(h.name))],
            }
            for h in plan.hosts.values()
        },
        "routes": [
            {
                "url": r.url,
                "service": r.service,
                "host": r.host,
                "audience": r.audience,
                "publish": r.publish,
                "auth": r.auth,
                "upstream": r.upstream,
                "source": r.source,
            }
            for r in plan.routes
        ],
        "route_table": [
            {
                "name": r.name,
                "service": r.service,
                "local": r.local,
                "alias": r.alias,
                "public": r.public,
            }
            for r in route_table(plan)
        ],
        "tailnet_urls": {**tailnet_urls(plan)},
        "planned": dict(_planned(plan)),
        "families": {
            section: {"services": dict(made.services), "datasets": dict(made.dirs)}
            for section, made in _families(plan).items()
        },
        "ports": [
            {
                "host": p.host,
                "port": p.port,
                "protocol": p.protocol,
                "owner": p.owner,
                "scope": p.open_to,
                "why": p.why,
            }
            for p in plan.ports
        ],
        "backups": [
            {"job": j.name, "host": j.host, "target": j.target, "repository": j.repository}
            for j in plan.backup.jobs
        ],
        "not_backed_up": [{"service": s, "why": why} for s, why in plan.backup.skipped],
        "waves": [{"name": w.name, "hosts": list(w.hosts), "why": w.why} for w in plan.waves],
    }


def as_tables(plan: Plan, console: Console | None = None) -> None:
    """Print the plan as tables."""
    # Output to a file has no width limit, so that addresses are not cut.
    out = console or Console(width=None if sys.stdout.isatty() else _WIDE)
    public = ["public"] if any(h.public for h in plan.hosts.values()) else []
    columns = ("host", "role", "platform", "LAN", "tailnet", *public, "runs")
    hosts = Table(*columns, title="Hosts", title_justify="left")
    for host in plan.hosts.values():
        runs = ", ".join(sorted(s.name for s in plan.on(host.name))) or "no services"
        hosts.add_row(
            f"{host.name}{_not_live(host)}",
            host.role,
            host.config.platform,
            host.lan,
            host.tailnet,
            *([host.public] if public else []),
            runs,
        )
    out.print(hosts)
    routes = Table(
        "address",
        "service",
        "who",
        "where",
        "sign-in",
        "answers",
        title="Names",
        title_justify="left",
    )
    for route in plan.routes:
        answers = f"{route.upstream}{_not_live(plan.hosts[route.host])}"
        routes.add_row(route.url, route.service, route.audience, route.publish, route.auth, answers)
    out.print(routes)
    planned = Table("service", "why", title="Planned services", title_justify="left")
    for name, why in _planned(plan):
        planned.add_row(name, why)
    if planned.row_count:
        out.print(planned)
    families = Table("family", "writes", title="Families", title_justify="left")
    for section, made in _families(plan).items():
        for place, parts in (("services", made.services), ("datasets", made.dirs)):
            for name, settings in parts.items():
                families.add_row(section, Text(f"{place}.{name}: {_inline(settings)}"))
    if families.row_count:
        out.print(families)
    waves = Table("wave", "hosts", "because", title="Rollout", title_justify="left")
    for wave in plan.waves:
        waves.add_row(wave.name, ", ".join(wave.hosts), wave.why)
    out.print(waves)


def _families(plan: Plan) -> dict[str, Expansion]:
    return families_of(document_of(plan.stack).values)


def _inline(settings: Mapping[str, Value]) -> str:
    """Settings as YAML on one line, to be pasted into a stack file."""
    return yaml.safe_dump(
        dict(settings), default_flow_style=True, sort_keys=False, width=_WIDE
    ).strip()


def _planned(plan: Plan) -> Iterator[tuple[str, str]]:
    """The services that do not run yet, each with its reason."""
    for name, config in sorted(plan.stack.services.items()):
        if config.planned is not None:
            yield name, config.planned


def _not_live(host: Host) -> str:
    """Suffix with the state of a host that is not live."""
    return "" if host.config.state == "live" else f" ({host.config.state})"
