"""Values of the plan in a service's options: `{$port: web}` and the other references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homelab.catalog.model import OIDC
from homelab.catalog.references import WEB, LinkTarget, reference, references
from homelab.config.oidc import ENDPOINTS
from homelab.identity.endpoints import endpoints, requested
from homelab.identity.model import OidcClient
from homelab.network.between import path_between
from homelab.network.model import LOOPBACK
from homelab.network.plan import ssh_name
from homelab.network.route import Route
from homelab.nix import After, Force, Function, Nix, Pkg, Raw
from homelab.nix.printer import attribute
from homelab.plan import Plan
from homelab.secret_paths import fact_path
from homelab.services.devices import path_of_device
from homelab.services.folders import folder
from homelab.services.links import Link
from homelab.services.mail import MAIL, mail_value
from homelab.services.model import Service
from homelab.services.served import names_of, urls_of

DISCOVERY = "/.well-known/openid-configuration"
"""Path of a provider's discovery document, below its issuer."""


@dataclass(frozen=True)
class _Dropped:
    """An option without a value, because the service does not use the dataset or the device that it
    needs.
    """


_DROPPED: Final = _Dropped()


def filled(options: Mapping[str, object], plan: Plan, service: Service) -> dict[str, Nix]:
    """The options with every reference resolved, without those for an unused dataset or device."""
    out = {}
    for path, value in options.items():
        resolved = _resolve(value, plan, service)
        if not isinstance(resolved, _Dropped):
            out[path] = resolved
    return out


def fill_text(
    template: str, plan: Plan, service: Service, further: Mapping[str, str] | None = None
) -> str | None:
    """A template's text with its fields; None if the service does not use its dataset or device, or
    if the service that it names does not run.
    """
    named = {
        "database": _Databases(service),
        "dataset": _Paths(lambda role: _dataset(plan, service, role)),
        "device": _Paths(lambda role: path_of_device(plan.stack, service, role)),
        "mail": _Paths(lambda part: _mail_text(plan, part)),
        "secret": _Secrets(service),
        "service": _Links(plan, service),
    }
    try:
        return template.format_map({**fields(plan, service), **(further or {}), **named})
    except _MissingError:
        return None


def filled_text(value: object, plan: Plan, service: Service) -> str | None:
    """A text, or the text that a reference becomes; None if what it refers to does not exist."""
    resolved = _resolve(value, plan, service)
    return None if isinstance(resolved, _Dropped) else str(resolved)


class _MissingError(KeyError):
    """A dataset or a device that the service does not use, or a service that does not run."""


class _Paths(dict[str, str]):
    """Paths of the service's datasets or devices by role."""

    def __init__(self, find: Callable[[str], str | None]) -> None:
        self.find = find

    def __getitem__(self, role: str) -> str:
        path = self.find(role)
        if path is None:
            raise _MissingError(role)
        return path


class _Secrets(dict[str, str]):
    """Paths of the service's secrets by name."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __getitem__(self, name: str) -> str:
        return path_of_secret(self.service, name)


@dataclass(frozen=True)
class _Database:
    """Where a service connects to a database, and as whom."""

    host: str
    port: int
    name: str
    user: str


class _Databases(dict[str, _Database]):
    """The databases that homelab creates for the service, by kind."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __getitem__(self, kind: str) -> _Database:
        found = next((d for d in self.service.databases if d.kind == kind), None)
        if found is None:
            raise _MissingError(kind)
        return _Database(found.address, found.port, found.label, found.user)


class _Links(dict[str, Link]):
    """Addresses of other services, by name, or by name and port: `db:grpc`."""

    def __init__(self, plan: Plan, service: Service) -> None:
        self.plan, self.service = plan, service

    def __getitem__(self, name: str) -> Link:
        service, _, port = name.partition(":")
        found = self.plan.link(self.service, service, port or WEB)
        if found is None:
            raise _MissingError(name)
        return found


class Names(tuple[str, ...]):
    """Several names in a text, separated by a comma, or by the text after the colon of the field:
    `{urls: }`.
    """

    __slots__ = ()

    def __format__(self, separator: str) -> str:
        return (separator or ",").join(self)


def fields(plan: Plan, service: Service) -> dict[str, str | int | Names]:
    """Fields that a template may use in braces, with their values for this service."""
    route = plan.main_route(service.name)
    # The OIDC client belongs to the route that uses OIDC, which need not be the main route.
    asking = next((r for r in plan.routes_of(service.name) if r.auth == OIDC), route)
    clients = plan.identity.clients if plan.identity else ()
    client = next((c for c in clients if asking is not None and c.route == asking.name), None)
    issuer = client.issuer if client else _issuer(plan, asking)
    site, placed = plan.stack, plan.hosts.get(service.host)
    return {
        "port": service.port,
        "bind": service.bind,
        "name": route.name if route else service.name,
        "url": route.url if route else f"http://127.0.0.1:{service.port}",
        "fqdn": route.url.removeprefix("https://") if route else "localhost",
        "domain": site.site.domain,
        "zone": site.cloudflare.zone.name if site.cloudflare else site.site.domain,
        "timezone": (placed.config.timezone if placed else None) or site.site.timezone,
        "issuer": issuer,
        "discovery": f"{issuer.rstrip('/')}{DISCOVERY}" if issuer else "",
        "client": client.id if client else service.name,
        "scopes": Names(_scopes(plan, client)),
        "proxy": _proxy(plan, service),
        "ssh": ssh_name(site, plan.hosts, service, route),
        "urls": Names(urls_of(plan, service, "all")),
        "fqdns": Names(names_of(plan, service, "all")),
        **_endpoints(plan, issuer, client.id if client else service.name),
    }


def _issuer(plan: Plan, route: Route | None) -> str:
    """The issuer for a service without a client; empty without a provider."""
    return plan.identity.issuer(public=bool(route and route.public)) if plan.identity else ""


def _scopes(plan: Plan, client: OidcClient | None) -> tuple[str, ...]:
    """The scopes that a client may ask for; none without one."""
    config = plan.stack.identity
    return requested(config, client.scopes) if config is not None and client is not None else ()


def _endpoints(plan: Plan, issuer: str, client: str) -> dict[str, str]:
    """The endpoints of the provider; each is empty without one."""
    config = plan.stack.identity
    if config is None or plan.identity is None:
        return dict.fromkeys(ENDPOINTS, "")
    return endpoints(config, issuer, client)


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
    found = (d.path for d in plan.datasets_on(service.host) if d.name == chosen)
    return next(found, None)


def _mail_text(plan: Plan, part: str) -> str | None:
    value = mail_value(plan.stack, part)
    return None if value is None else str(value)


def stated_secrets(service: Service) -> frozenset[str]:
    """Secrets that no option of the catalog passes on: those that are only in the stack config,
    variables with the password of the mail relay, and passwords of databases.
    """
    every = frozenset(service.entry.secrets)
    if service.is_made:
        return every
    mail = frozenset({MAIL} if MAIL in every and service.entry.secrets[MAIL].form == "env" else ())
    made = (every & service.secrets.keys() | mail) - (service.known_secrets - mail)
    named = {
        str(named)
        for value in service.entry.options.values()
        for word, named in references(value)
        if word == "$secret" and service.entry.secrets[str(named)].form == "env"
    }
    return made | frozenset(d.kind for d in service.databases if not d.by_socket) - named


def path_of_secret(service: Service, name: str) -> str:
    """Path of one of the service's secrets."""
    fact = service.entry.secrets[name]
    handed = service.entry.dynamic_user and fact.form == "file"
    if handed and service.reader and name in stated_secrets(service):
        # A dynamic user does not exist before the unit runs, so systemd passes a credential.
        return f"/run/credentials/{service.reader}.service/{name}"
    return fact_path(service.name, name, fact)


def _resolve(value: object, plan: Plan, service: Service) -> Nix | _Dropped:
    found = reference(value)
    if found is not None:
        return _referred(*found, plan, service)
    if isinstance(value, Mapping):
        inner = {str(k): _resolve(v, plan, service) for k, v in value.items()}
        return {k: v for k, v in inner.items() if not isinstance(v, _Dropped)}
    if isinstance(value, list | tuple):
        items = [_resolve(v, plan, service) for v in value]
        kept = [i for i in items if not isinstance(i, _Dropped)]
        return kept if kept or not items else _DROPPED
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(type(value).__name__)


def _referred(word: str, named: object, plan: Plan, service: Service) -> Nix | _Dropped:
    name = str(named)
    match word:
        case "$service":
            target = LinkTarget.of(named)
            link = plan.link(service, target.name, target.port) if target else None
            if target is None or link is None:
                return _DROPPED
            part: str | int = getattr(link, target.field)
            return part
        case "$mail":
            chosen = mail_value(plan.stack, named)
            return _DROPPED if chosen is None else _resolve(chosen, plan, service)
        case "$urls":
            return [*urls_of(plan, service, name)]
        case "$fqdns":
            return [*names_of(plan, service, name)]
        case "$text":
            text = fill_text(name, plan, service)
            return _DROPPED if text is None else text
        case "$port":
            return next((p.port for p in service.ports if p.label == name), service.port)
        case "$secret":
            return path_of_secret(service, name)
        case "$dataset":
            return _dataset(plan, service, name) or _DROPPED
        case "$folder":
            return folder(plan.stack, service, name) or _DROPPED
        case "$device":
            return path_of_device(plan.stack, service, name) or _DROPPED
        case "$package":
            return Pkg(name)
        case "$packages":
            paths = named if isinstance(named, list) else []
            return Function("ps", [Raw(f"ps.{attribute(str(path))}") for path in paths])
        case "$config":
            return Raw(f"config.{attribute(name)}")
        case "$last":
            items = _resolve(named, plan, service)
            return items if isinstance(items, _Dropped) else After(items)
        case "$force":
            forced = _resolve(named, plan, service)
            return forced if isinstance(forced, _Dropped) else Force(forced)
    # The check option-word reports it.
    return _DROPPED
