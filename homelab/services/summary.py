"""A service and its routes as the stack config names them, for previews and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.grouping import grouped
from homelab.network.route import Route
from homelab.plan import Plan


@dataclass(frozen=True)
class ServiceSummary:
    """One service, on all hosts except planned ones."""

    name: str
    hosts: tuple[str, ...]
    units: tuple[str, ...]
    port: Mapping[str, int]
    """Web port by host; empty for a service without one."""
    state: tuple[str, ...]
    """Its state directories."""
    backup: tuple[str, ...]
    """Names of its backup targets."""
    no_backup: tuple[str, ...]
    """Reasons for `backup.skip`."""
    sign_in: tuple[str, ...]
    """The kinds of sign-in of its routes."""
    routes: tuple[Route, ...]
    """Routes on those hosts, and every route with a DNS record."""
    settings: Mapping[str, JsonValue]
    """Its keys in the stack, as the owner set them. A secret is a reference, as in the stack."""


def service_summaries(plan: Plan) -> Iterator[ServiceSummary]:
    """Every service that runs on a host or is published, sorted by name."""
    published = {r.route for r in plan.cloudflare.records} if plan.cloudflare else set[str]()
    there = {h.name for h in plan.hosts.values() if h.config.state != "planned"}
    names = {s.name for s in plan.services} | {r.service for r in plan.routes}
    targets: dict[str, set[str]] = {}
    for job in plan.backup.jobs:
        targets.setdefault(job.name, set()).add(job.target)
    skipped = dict(plan.backup.skipped)
    placed = grouped((s for s in plan.services if s.host in there), lambda s: s.name)
    for name in sorted(names):
        own = placed.get(name, ())
        routes = tuple(r for r in plan.routes_of(name) if r.host in there or r.name in published)
        if not own and not routes:
            continue
        yield ServiceSummary(
            name=name,
            hosts=tuple(sorted(s.host for s in own)),
            units=tuple(sorted({u for s in own for u in s.units})),
            port={s.host: s.port for s in own if s.port},
            state=tuple(sorted({path for s in own for path in s.state})),
            backup=tuple(sorted(targets.get(name, ()))),
            no_backup=tuple(
                dict.fromkeys(
                    why
                    for key in (name, *(f"{name}@{s.host}" for s in own))
                    if (why := skipped.get(key))
                )
            ),
            sign_in=tuple(sorted({r.auth for r in routes})),
            routes=routes,
            settings=_settings(plan, name),
        )


def _settings(plan: Plan, name: str) -> Mapping[str, JsonValue]:
    config = plan.stack.services.get(name)
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True) if config else {}
