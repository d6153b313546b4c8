"""The identity plan, derived from the routes: a route with forward auth gets its access rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from homelab.catalog.model import OIDC
from homelab.config.fact_parts import Oidc
from homelab.config.identity import IdentityConfig, ProxyClient
from homelab.config.services import client_of
from homelab.config.stack import StackConfig
from homelab.identity.model import ADAPTER, AuthProxyPlan, IdentityPlan, OidcClient
from homelab.identity.rules import policy_of
from homelab.network.model import LOOPBACK
from homelab.network.route import Route
from homelab.services.model import Service
from homelab.system.model import Host

CALLBACK = "/oauth2/callback"


def plan_identity(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
) -> IdentityPlan | None:
    """The provider, the auth proxy with a rule for each protected route, and the OIDC clients."""
    identity = stack.identity
    if identity is None or identity.host not in hosts:
        return None
    protected = tuple(r for r in routes if r.auth == "forward")
    by_oidc = tuple(r for r in routes if r.auth == "oidc")
    if identity.issuer is not None and identity.client is not None:
        return _external(stack, identity, identity.client, services, routes)
    own = next((r for r in routes if r.service == identity.provider), None)
    public = tuple(sorted(r.public for r in protected if r.public))
    portal = own.title if own else _name(stack, stack.site.names.internal, identity)
    public_portal = ""
    if public or any(r.public for r in by_oidc):
        published = own.public if own else ""
        public_portal = published or _name(stack, stack.site.names.public, identity)
    address = _address(services, identity.provider, identity.host)
    made = IdentityPlan(
        provider=identity.provider,
        host=identity.host,
        external="",
        portal=portal,
        public_portal=public_portal,
        address=address,
        domain=_parent(portal),
        cookies=_cookies(portal, public_portal),
        public_names=public,
        rules=policy_of(identity, routes) if identity.provider == "authelia" else (),
        clients=(),
        session=identity.session,
        auth_proxy=AuthProxyPlan("authelia", address)
        if identity.provider == "authelia"
        else _adapter(services, identity, protected),
    )
    clients = _clients(
        stack, services, by_oidc, lambda r, _: (r.name, made.issuer(public=bool(r.public)))
    )
    return replace(made, clients=tuple(clients))


def _external(
    stack: StackConfig,
    identity: IdentityConfig,
    client: ProxyClient,
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
) -> IdentityPlan:
    """The auth proxy and the clients of a provider that homelab does not run."""
    protected = tuple(r for r in routes if r.auth == "forward")
    by_oidc = tuple(r for r in routes if r.auth == "oidc")
    shared = identity.issuer or ""
    issuer = of_client(shared, client.client_id)

    def stated(route: Route, service: Service) -> tuple[str, str]:
        found = client_of(service.config)
        client_id = found.client_id or route.name
        return client_id, of_client(found.issuer or shared, client_id)

    return IdentityPlan(
        provider=identity.provider,
        host=identity.host,
        external=issuer,
        portal=issuer.split("/")[2].partition(":")[0],
        public_portal="",
        address="",
        domain="",
        cookies=(),
        public_names=(),
        rules=(),
        clients=tuple(_clients(stack, services, by_oidc, stated)),
        session=identity.session,
        auth_proxy=_adapter(services, identity, protected),
    )


def _adapter(
    services: tuple[Service, ...], identity: IdentityConfig, protected: tuple[Route, ...]
) -> AuthProxyPlan:
    names = sorted(f"https://{n}{CALLBACK}" for r in protected for n in r.names)
    return AuthProxyPlan(ADAPTER, _address(services, ADAPTER, identity.host), tuple(names))


def _address(services: tuple[Service, ...], name: str, host: str) -> str:
    """The address of a service on its own host; empty if it does not run there."""
    found = next((s for s in services if s.name == name and s.host == host), None)
    return f"{LOOPBACK}:{found.port}" if found else ""


def _clients(
    stack: StackConfig,
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    identify: Callable[[Route, Service], tuple[str, str]],
) -> Iterator[OidcClient]:
    """The client of each route with OIDC; `identify` gives its id and its issuer."""
    placed = {(s.name, s.host): s for s in services}
    own = stack.identity.scopes if stack.identity else {}
    for route in routes:
        service = placed[route.service, route.host]
        fact = service.entry.sign_in.oidc
        if fact is None:
            continue
        client_id, issuer = identify(route, service)
        yield OidcClient(
            id=client_id,
            route=route.name,
            issuer=issuer,
            name=service.entry.title,
            service=service.name,
            host=service.host,
            redirects=tuple(redirects_of(route, fact)),
            scopes=fact.scopes,
            id_token=fact.id_token,
            policy="two_factor" if route.policy == "two_factor" else "one_factor",
            groups=route.groups,
            claims=tuple(dict.fromkeys(c for s in fact.scopes for c in own.get(s, ()))),
            post=fact.post,
            public=fact.public,
            purpose=f"{service.owner}/{OIDC}",
            epoch=stack.secrets.epoch(service.name, OIDC),
            source=route.source,
        )


def of_client(issuer: str, client_id: str) -> str:
    """The issuer for one client."""
    return issuer.replace("{client}", client_id)


def redirects_of(route: Route, fact: Oidc) -> Iterator[str]:
    """Redirect URIs: each path on each name of the route, and the whole URIs as they are."""
    paths = [r for r in fact.redirects if r.startswith("/")]
    yield from (f"https://{name}{path}" for name in route.names for path in paths)
    yield from (r for r in fact.redirects if not r.startswith("/"))


def _name(stack: StackConfig, template: str, identity: IdentityConfig) -> str:
    zone = stack.cloudflare.zone.name if stack.cloudflare else stack.site.domain
    return template.format(name=identity.name, domain=stack.site.domain, zone=zone)


def _parent(name: str) -> str:
    return name.partition(".")[2]


def _cookies(portal: str, public_portal: str) -> tuple[tuple[str, str], ...]:
    """One session for internal names, and one for public names if their domain differs.

    The narrower domain comes first: Authelia uses the first match, and refuses the other order.
    """
    cookies = {_parent(portal): f"https://{portal}"}
    if public_portal:
        cookies.setdefault(_parent(public_portal), f"https://{public_portal}")
    return tuple(sorted(cookies.items(), key=lambda c: (-c[0].count("."), c[0])))


_UNITS = {"m": 1, "h": 60, "d": 1440, "w": 10080, "M": 43800}


def minutes(duration: str) -> int:
    """A duration in minutes."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
