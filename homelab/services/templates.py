"""Fill in the templates of a catalog entry with the values of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from homelab.catalog import find
from homelab.catalog.model import (
    OIDC,
    DatasetPath,
    Last,
    OptionValue,
    PortNumber,
    SecretPath,
    Template,
)
from homelab.network.between import path_between
from homelab.network.model import LOOPBACK
from homelab.nix import After, Nix
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.services.model import Service


@dataclass(frozen=True)
class _Dropped:
    """An option without a value, because the service does not use the dataset that it needs."""


_DROPPED: Final = _Dropped()


def filled(facts: Mapping[str, OptionValue], plan: Plan, service: Service) -> dict[str, Nix]:
    """The options with every template filled in; those for an unused dataset are left out."""
    out = {}
    for path, fact in facts.items():
        value = _fill(fact, plan, service)
        if not isinstance(value, _Dropped):
            out[path] = value
    return out


def fill_text(template: str, plan: Plan, service: Service, dataset: str = "") -> str:
    """A template's text, filled in; see `fields`."""
    return template.format(**fields(plan, service), dataset=dataset)


def fields(plan: Plan, service: Service) -> dict[str, str | int]:
    """Fields that a template may use in braces, with their values for this service."""
    route = plan.main_route(service.name)
    # The OIDC client belongs to the route that uses OIDC, which need not be the main route.
    client = next((r for r in plan.routes_of(service.name) if r.auth == OIDC), route)
    site = plan.stack
    return {
        "port": service.port,
        "bind": service.bind,
        "name": route.name if route else service.name,
        "url": route.url if route else f"http://127.0.0.1:{service.port}",
        "fqdn": route.url.removeprefix("https://") if route else "localhost",
        "domain": site.site.domain,
        "zone": site.cloudflare.zone.name if site.cloudflare else site.site.domain,
        "timezone": site.site.timezone,
        "issuer": plan.identity.issuer(public=bool(client and client.public))
        if plan.identity
        else "",
        "client": client.name if client else service.name,
        "proxy": _proxy(plan, service),
    }


def _proxy(plan: Plan, service: Service) -> str:
    """The address that the reverse proxy calls the service from."""
    if service.namespace is not None:
        return service.namespace.host
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if entry is None or entry.name == service.host:
        return LOOPBACK
    found = path_between(plan.stack, entry.name, service.host)
    return found.caller if found is not None else ""


def _dataset(plan: Plan, service: Service, part: str) -> str | None:
    """Path of the dataset that the service uses in this role."""
    chosen = service.datasets.get(part)
    found = (d.path for d in plan.datasets if d.name == chosen and d.host == service.host)
    return next(found, None)


def stated_secrets(service: Service) -> frozenset[str]:
    """Secrets that are only in the stack config, so no option of the catalog passes them on."""
    every = frozenset(service.entry.secrets)
    entry = None if service.is_custom else find(service.entry.name)
    return every if entry is None else every & service.secrets.keys() - entry.secrets.keys()


def path_of_secret(service: Service, name: str) -> str:
    """Path of one of the service's secrets."""
    fact = service.entry.secrets[name]
    handed = service.entry.dynamic_user and fact.form == "file"
    if handed and service.units and name in stated_secrets(service):
        # A dynamic user does not exist before the unit runs, so systemd passes a credential.
        return f"/run/credentials/{service.units[0]}.service/{name}"
    return secret_path(service.name, name, fact.source, fact.form)


def _fill(fact: OptionValue, plan: Plan, service: Service) -> Nix | _Dropped:
    match fact:
        case Template(template, dataset):
            path = _dataset(plan, service, dataset) if dataset else ""
            return _DROPPED if path is None else fill_text(template, plan, service, path)
        case PortNumber(name):
            return next((p.port for p in service.ports if p.label == name), service.port)
        case SecretPath(name, inside):
            return inside.replace("{path}", path_of_secret(service, name))
        case DatasetPath(name):
            return _dataset(plan, service, name) or _DROPPED
        case Last(facts):
            listed = _fill(facts, plan, service)
            return listed if isinstance(listed, _Dropped) else After(listed)
        case str():
            return fact
        case Mapping():
            inner = {k: _fill(v, plan, service) for k, v in fact.items()}
            return {k: v for k, v in inner.items() if not isinstance(v, _Dropped)}
        case Sequence():
            items = [_fill(v, plan, service) for v in fact]
            kept = [i for i in items if not isinstance(i, _Dropped)]
            return kept if kept or not items else _DROPPED
    return cast("Nix", fact)
