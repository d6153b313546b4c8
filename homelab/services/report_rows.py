"""The rows of `homelab service test`: what homelab does with one service on one host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.backup.model import Job
from homelab.catalog.option_names import is_listed
from homelab.catalog.options import options_of
from homelab.hardening.plan import EVERYTHING
from homelab.monitoring.plan import skip_reason
from homelab.network.firewall import where_open
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.services.declared import path_parts
from homelab.services.model import Service

_SOURCES = {
    "derived": "derived from the master key",
    "stored": "stored in sops",
    "issued": "issued by a provider",
    "fetched": "fetched from 1Password when it starts",
    "provided": "a file that a module of yours provides",
}


@dataclass(frozen=True)
class Row:
    """One subject: what homelab does, or what to write so that it does something."""

    name: str
    lines: tuple[str, ...]
    way_out: str = ""
    """For a row without lines: what is missing, and what to write."""


def rows_of(plan: Plan, service: Service, levels: Mapping[tuple[str, str], str]) -> Iterator[Row]:
    """Every row of a service on one host. `levels` are those of `systemd-analyze security`, by host
    and unit.
    """
    routes = tuple(r for r in plan.routes_of(service.name) if r.host == service.host)
    if service.external is not None:
        address = f"{service.external.address}:{service.external.port}"
        yield Row("runs at", (f"{address}, outside of the stack",))
    else:
        yield Row("units", (*service.units, *service.entry.helpers), "write units: [NAME]")
        yield _options(service)
        yield _ports(plan, service)
    yield _route(service, routes)
    yield Row(
        "sign-in",
        tuple(f"{r.title}: {_sign_in(r)}" for r in routes),
        "nobody signs in, because it has no route",
    )
    if service.external is None:
        yield _secrets(plan, service)
        yield _state(service)
        yield _backup(plan, service)
        yield _sandbox(plan, service, levels)
    yield _monitor(plan, service, routes)
    yield _tile(plan, service, routes)


def _options(service: Service) -> Row:
    """How many options are set, and those that the option list does not have."""
    config = service.config
    entry = {} if service.is_made else options_of(service.entry, service.release, config.gpu)
    paths = sorted({*entry, *config.options})
    unlisted = [p for p in paths if not is_listed(path_parts(p))]
    lines = [f"{len(paths)} set"] if paths else []
    if unlisted:
        names = ", ".join(unlisted)
        lines.append(f"{len(unlisted)} not in the option list, so Nix checks them: {names}")
    if not lines and service.parts:
        lines.append("none: homelab writes the arguments of its container")
    if not lines and service.writes_unit:
        lines.append("none: homelab writes its units")
    if not lines and service.entry.infrastructure:
        lines.append("none: homelab configures it from the whole plan")
    way_out = f"none; write options: {{services.{service.name}.enable: true}}"
    return Row("options", tuple(lines), way_out)


def _ports(plan: Plan, service: Service) -> Row:
    lines = []
    for use in service.ports:
        bind = service.bind if use.label == "web" else ""
        host = plan.hosts[service.host]
        networks = {"tailnet": bool(host.tailnet), "lan": host.may_be_at_home}
        scope = "" if use.scope == "loopback" else where_open(use, **networks)
        at = f" at {bind}" if bind else ""
        opened = f"the firewall opens it to {scope}" if scope else "closed in the firewall"
        lines.append(f"{use.label} {use.port}/{use.protocol}{at}, {opened}")
    if not lines and _is_job(service):
        return Row("port", (_JOB,))
    return Row("port", tuple(lines), f"none; write {_web_port(service)}")


_JOB = "none: it is a job, and nothing listens between its times"


def _is_job(service: Service) -> bool:
    return service.unit is not None and service.unit.schedule is not None


def _web_port(service: Service) -> str:
    """What gives a service its web port: a key of its own, or one of its facts."""
    return "port: 3000" if service.is_made else "ports: {web: 3000}"


def _route(service: Service, routes: tuple[Route, ...]) -> Row:
    lines = tuple(
        f"{r.url} for {r.audience}"
        + (f", publish {r.publish}" if r.publish != "internal" else "")
        + f", to {r.upstream}"
        for r in routes
    )
    entry = service.entry
    reason = service.config.never_publish or entry.never_publish
    if not lines and reason:
        return Row("route", (f"none: {reason}",))
    if _is_job(service):
        return Row("route", (_JOB,))
    way_out = "none; leave out routes: []"
    if not service.port:
        way_out = f"none, because it has no web port; write {_web_port(service)}"
    elif not entry.page:
        way_out = "none, because it has no pages; leave out page: false"
    return Row("route", lines, way_out)


def _sign_in(route: Route) -> str:
    words = {
        "none": "none",
        "forward": "the auth proxy",
        "native": "the app itself",
        "oidc": "OpenID Connect",
    }
    text = words[route.auth]
    if route.exempt and route.auth == "forward":
        text += f", except for {', '.join(route.exempt)}"
    if route.headers:
        text += f"; the app reads {', '.join(name for name, _ in route.headers)}"
    return text


def _secrets(plan: Plan, service: Service) -> Row:
    lines = tuple(
        f"{s.name}: {_SOURCES[s.source]}, at {s.path}"
        for s in plan.secrets.on(service.host)
        if s.service == service.name
    )
    if service.static is not None and service.static.build is None:
        return Row("secrets", ("none: files read none",))
    return Row("secrets", lines, "none; write secrets: {NAME: {}} if it reads one")


def _state(service: Service) -> Row:
    lines = list(service.state)
    if service.entry.database in ("postgresql", "mysql"):
        lines.append(f"a database in {service.entry.database}")
    lines += [
        f"a database in {d.kind} on {d.host}" for d in service.databases if d.host != service.host
    ]
    if not lines and service.entry.stateless:
        lines.append(f"none: {service.entry.stateless}")
    reason = "backup: {skip: a reason}" if service.is_made else "stateless: a reason"
    return Row("state", tuple(lines), f"none; write state: [/var/lib/…], or {reason}")


def _backup(plan: Plan, service: Service) -> Row:
    skipped = dict(plan.backup.skipped)
    for key in (service.name, f"{service.name}@{service.host}"):
        if key in skipped:
            return Row("backup", (f"none: {skipped[key]}",))
    own = [d.source for d in service.entry.dumps if d.kind == "builtin"]
    lines = []
    for job in plan.backup.on(service.host):
        if job.name == service.name:
            dumps = [f"{kind} {source}" for kind, source, _ in job.dumps]
            dumps += [f"a command writes {c.file}" for c in job.commands]
            dumps += [f"the app writes {path}" for path in own]
            dumped = f", after a dump: {', '.join(dumps)}" if dumps else ", no database to dump"
            lines.append(f"to {job.target} {_when(job)}, tier {job.tier}{dumped}")
    way_out = "none; write state: [/var/lib/…]"
    if service.state or service.entry.dumps:
        way_out = "none; add a target to backup.targets"
    return Row("backup", tuple(lines), way_out)


def _when(job: Job) -> str:
    return f"at {job.at}" if job.copied is None else job.starts


def _sandbox(plan: Plan, service: Service, levels: Mapping[tuple[str, str], str]) -> Row:
    lines = []
    for unit in plan.units_on(service.host):
        if unit.service != service.name:
            continue
        reasons = [f"{what} ({why})" for what, why in unit.exceptions]
        if unit.has_baseline:
            text = "the baseline" + (f", without {', '.join(reasons)}" if reasons else "")
        else:
            exempt = [why for what, why in unit.exceptions if what == EVERYTHING]
            text = f"none: {exempt[0]}" if exempt else "that of its NixOS module"
        level = levels.get((unit.host, unit.unit), "")
        lines.append(f"{unit.unit}: {text}" + (f"; systemd-analyze: {level}" if level else ""))
    if service.parts and not lines:
        lines.append("none: a container has that of Podman")
    return Row("sandbox", tuple(lines), "none; write units: [NAME]")


def _monitor(plan: Plan, service: Service, routes: tuple[Route, ...]) -> Row:
    monitoring = plan.monitoring
    if monitoring is None:
        return Row("monitor", (), "none; add services.gatus: {host: …}")
    reason = skip_reason(service, plan.hosts[service.host])
    if reason:
        return Row("monitor", (f"none: {reason}",))
    if _is_job(service):
        return Row("monitor", ("none: it is a job; with monitoring.ntfy its failure is an alert",))
    places = {r.source for r in routes} | {service.source, f"services.{service.name}"}
    lines = tuple(f"{p.url} every {p.interval}" for p in monitoring.probes if p.source in places)
    return Row("monitor", lines, f"none, because it has no port; write {_web_port(service)}")


def _tile(plan: Plan, service: Service, routes: tuple[Route, ...]) -> Row:
    dashboard = plan.dashboard
    if dashboard is None:
        return Row("tile", (), "none; add services.homepage: {host: …}, or services.glance")
    reasons = [why for name, why in dashboard.skipped if name == service.name]
    if reasons:
        return Row("tile", (f"none: {reasons[0]}",))
    places = {r.source for r in routes}
    lines = tuple(
        f"{t.title} in {group}" for group, ts in dashboard.groups for t in ts if t.source in places
    )
    return Row("tile", lines, "none, because it has no route")
