"""The identity plan, derived from the routes: a route with forward auth gets its access rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from homelab.catalog.model import OIDC
from homelab.config.fact_parts import Oidc
from homelab.config.identity import IdentityConfig
from homelab.config.stack import StackConfig
from homelab.identity.model import AuthProxyPlan, IdentityPlan, OidcClient
from homelab.identity.rules import policy_of
from homelab.network.model import LOOPBACK
from homelab.network.route import Route
from homelab.services.model import Service
from homelab.system.model import Host

ADAPTER: Final = "oauth2-proxy"
"""The auth proxy for a provider that has none of its own."""
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
    own = next((r for r in routes if r.service == identity.provider), None)
    protected = tuple(r for r in routes if r.auth == "forward")
    by_oidc = tuple(r for r in routes if r.auth == "oidc")
    public = tuple(sorted(r.public for r in protected if r.public))
    portal = own.title if own else _name(stack, stack.site.names.internal, identity)
    public_portal = ""
    if public or any(r.public for r in by_oidc):
        published = own.public if own else ""
        public_portal = published or _name(stack, stack.site.names.public, identity)
    address = _address(services, identity.provider, identity.host)
    return IdentityPlan(
        provider=identity.provider,
        host=identity.host,
        portal=portal,
        public_portal=public_portal,
        address=address,
        domain=_parent(portal),
        cookies=_cookies(portal, public_portal),
        public_names=public,
        rules=policy_of(identity, routes) if identity.provider == "authelia" else (),
        clients=tuple(_clients(stack, services, by_oidc)),
        session=identity.session,
        auth_proxy=AuthProxyPlan("authelia", address)
        if identity.provider == "authelia"
        else AuthProxyPlan(
            ADAPTER,
            _address(services, ADAPTER, identity.host),
            tuple(sorted(f"https://{n}{CALLBACK}" for r in protected for n in r.names)),
        ),
    )


def _address(services: tuple[Service, ...], name: str, host: str) -> str:
    """The address of a service on its own host; empty if it does not run there."""
    found = next((s for s in services if s.name == name and s.host == host), None)
    return f"{LOOPBACK}:{found.port}" if found else ""


def _clients(
    stack: StackConfig, services: tuple[Service, ...], routes: tuple[Route, ...]
) -> Iterator[OidcClient]:
    placed = {(s.name, s.host): s for s in services}
    own = stack.identity.scopes if stack.identity else {}
    for route in routes:
        service = placed[route.service, route.host]
        fact = service.entry.sign_in.oidc
        if fact is None:
            continue
        yield OidcClient(
            id=route.name,
            name=service.entry.title,
            service=service.name,
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
