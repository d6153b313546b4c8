"""Checks of service settings: each has an effect, is written once, and is possible."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.model import OIDC, Entry
from homelab.check import check
from homelab.config.dashboard import ServiceTile
from homelab.config.service_modules import CatalogService
from homelab.config.services import ports_of
from homelab.network.model import RESOLVERS
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.custom import rescopes
from homelab.services.model import Service
from homelab.services.own import find_entry, original_entry
from homelab.services.plan import hosts_of, implied, lacking_section
from homelab.storage.shares import SAMBA

_SINGLE = {"gatus": "the monitor", "homepage": "the dashboard"}
"""Infrastructure services of which the homelab has exactly one."""


@check("layer-order")
def layer_order(plan: Plan) -> Iterator[Problem]:
    """Names, routes and sign-in work before any other service does, or nothing starts after an
    outage.
    """
    for service in plan.services:
        if not _is_below(service):
            continue
        for use in service.uses:
            target = plan.service(use.name)
            if target is not None and not _is_below(target):
                yield Problem(
                    service.at(use.at) if use.at else service.source,
                    f"{service.name} is in the infrastructure layer, and uses {target.name} of the "
                    "service layer",
                    f"remove {target.name} there; services may use the infrastructure, not the "
                    "other way round",
                )


def _is_below(service: Service) -> bool:
    """Whether every other service depends on it: resolver, proxy, tunnel, tailnet, sign-in."""
    return service.entry.infrastructure and service.entry.category == "Network"


@check("service-single")
def service_single(plan: Plan) -> Iterator[Problem]:
    """Each infrastructure service is configured once; a second one would run without an effect."""
    placed = implied(plan.stack)
    for name, config in plan.stack.services.items():
        if not isinstance(config, CatalogService):
            if name in placed:
                yield Problem(
                    f"services.{name}",
                    f"{placed[name][0][1]} runs {name} by itself, and this is {config.called}",
                    "give the service another name",
                )
            continue
        entry = find_entry(plan.stack, config.service or name)
        if entry is None or not entry.infrastructure or not config.runs or name in placed:
            continue
        if name in (*RESOLVERS, SAMBA):
            continue  # dns-single-writer and smb-shares report it
        if entry.name not in _SINGLE:
            yield Problem(
                f"services.{name}",
                f"nothing would use this {entry.name}: its own section places it",
                "leave it out, or change network, identity, cloudflare or tailnet instead",
                cause=lacking_section(plan.stack, name) or f"services.{name}",
            )
        elif name != entry.name:
            yield Problem(
                f"services.{name}.service",
                f"{_SINGLE[entry.name]} is called {entry.name}; under another name it would "
                "show nothing",
                f"call it {entry.name}, or use another service for a second one",
            )
        elif len(hosts := hosts_of(name, plan.stack)) > 1:
            yield Problem(
                f"services.{name}.tags",
                f"{_SINGLE[entry.name]} runs once, and {', '.join(hosts)} would each run it",
                f"leave tags out and write host: {hosts[0]}",
            )


@check("service-adds")
def service_adds(plan: Plan) -> Iterator[Problem]:
    """An addition with the name of something in the catalog entry would be ignored or would break
    the service.
    """
    for service in _stated(plan):
        entry = original_entry(plan.stack, service.name, service.config, service.host)
        yield from _ports(service, entry)
        if entry is not None:
            yield from _secrets(service, entry)
            yield from _state(service, entry)
        if OIDC in service.secrets:
            yield Problem(
                f"{_at(service)}.secrets.{OIDC}",
                "this name is reserved for the OIDC client secret",
                "give it another name",
            )


def _ports(service: Service, entry: Entry | None) -> Iterator[Problem]:
    for label, stated in ports_of(service.config).items():
        where = f"{_at(service)}.ports.{label}"
        use = next((p for p in service.ports if p.label == label), None)
        if label == "web":
            yield Problem(
                where, "the web port has a key of its own", "leave it out and write port: …"
            )
        elif entry is not None and label in entry.ports:
            if rescopes(entry, label, stated):
                continue
            fact = entry.ports[label]
            yield Problem(
                where,
                f"{service.name} has a port {label} already, {fact.port}/{fact.protocol}",
                "give this one another name"
                + (
                    ""
                    if entry.infrastructure
                    else f", or write port: {fact.port}, protocol: "
                    f"{fact.protocol} and the scope from where it is to be reached"
                ),
            )
        elif use is not None and stated.scope == "link" and use.scope != "link":
            yield Problem(
                f"{where}.scope",
                f"a route leads to it, and link opens it only on the LAN interface: {use.why}",
                "write scope: lan, or lead no route to it",
            )


def _secrets(service: Service, entry: Entry) -> Iterator[Problem]:
    for name, secret in service.secrets.items():
        fact = entry.secrets.get(name)
        if fact is None:
            continue
        where = f"{_at(service)}.secrets.{name}"
        for field in ("env", "owner"):
            if getattr(secret, field) is not None:
                yield Problem(
                    f"{where}.{field}",
                    f"the catalog knows how {service.name} reads its {name}",
                    "leave it out, or give a secret of your own another name",
                )
        if fact.source == "issued":
            yield Problem(
                where, f"the {name} of {service.name} is issued during `up`", "leave it out"
            )
        elif not secret.model_fields_set & {"ref", "mode", "env", "owner"}:
            yield Problem(
                where,
                f"{service.name} already has this secret, and nothing here changes it",
                "leave it out, or write where it is stored: ref",
            )


def _state(service: Service, entry: Entry) -> Iterator[Problem]:
    for index, path in enumerate(service.config.state):
        where = f"{_at(service)}.state[{index}]"
        if path.rstrip("/") in entry.state:
            yield Problem(where, f"{path} is already in the catalog", "leave it out")
        elif entry.dynamic_user and not path.startswith("/var/lib/private/"):
            yield Problem(
                where,
                f"{service.name} runs as a dynamic user, who does not own {path}",
                "choose a directory below /var/lib/private that its unit creates, "
                f"{_state_directory(service)}: […] in its options",
            )


def _state_directory(service: Service) -> str:
    unit = service.units[0] if service.units else service.name
    return f"systemd.services.{unit}.serviceConfig.StateDirectory"


@check("header-read", severity="warning")
def header_read(plan: Plan) -> Iterator[Problem]:
    """Only the auth proxy sets identity headers: without it the reverse proxy removes them from
    each request, and the service never gets one.
    """
    for service in _stated(plan):
        signed_in = any(r.auth == "forward" for r in plan.routes_of(service.name))
        if service.config.headers and not signed_in:
            yield Problem(
                f"{_at(service)}.headers",
                f"no route of {service.name} uses the auth proxy, so nothing sets them",
                "write auth: forward, or leave headers out",
                cause="" if service.port else f"{_at(service)}.port",
            )


@check("tile-shown")
def tile_shown(plan: Plan) -> Iterator[Problem]:
    """A tile links to a host name, so its settings have no effect for a service without a name."""
    for service in _stated(plan):
        tile = service.config.tile
        if any(r.is_web for r in plan.routes_of(service.name)) or tile.skip is not None:
            continue
        # For a custom service, title and group also name its probe.
        named = service.is_custom and not service.config.never_publish
        fields = ("icon", "widget") if named else tuple(ServiceTile.model_fields)
        for field in fields:
            if getattr(tile, field):
                yield Problem(
                    f"{_at(service)}.tile.{field}",
                    f"{service.name} has no route for browsers, and so no tile",
                    "leave it out, or give the service a route: routes: [{name: …}]",
                )


def _at(service: Service) -> str:
    return f"services.{service.name}"


def _stated(plan: Plan) -> Iterator[Service]:
    """Each service of the stack config once."""
    return (s for s in plan.each_service() if s.name in plan.stack.services)
