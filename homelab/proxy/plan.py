"""The reverse proxy's part of the plan, derived from the routes."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.certificates.model import PAGE_PORT, CertificatesPlan
from homelab.config.stack import StackConfig as Stack
from homelab.identity.model import IdentityPlan
from homelab.network.model import LOOPBACK, TAILNET_NETWORK
from homelab.network.plan import legacy_names, local_names
from homelab.network.route import Route
from homelab.proxy.model import AuthProxy, Local, Page, ProxyPlan, Redirect, VirtualHost


def plan_proxy(
    stack: Stack,
    routes: tuple[Route, ...],
    identity: IdentityPlan | None,
    certificates: CertificatesPlan,
) -> ProxyPlan:
    """One virtual host for each wildcard domain, one for the tunnel, and redirects of old names."""
    entry, lan = stack.network.entry, str(stack.network.lan.cidr)
    # Without a tailnet, its address range is not trusted.
    tailnet = (TAILNET_NETWORK,) if stack.tailnet is not None else ()
    return ProxyPlan(
        host=entry.host,
        email=stack.site.owner.email,
        virtual_hosts=tuple(_virtual_hosts(routes)),
        redirects=tuple(Redirect(d, old, new) for d, old, new in legacy_names(stack, routes)),
        auth_proxy=_auth_proxy(identity) if identity else None,
        networks=(
            ("internal", (lan, *tailnet)),
            ("lan", (lan,)),
            ("tailnet", tailnet),
        ),
        tls_min=entry.tls_min,
        hsts=entry.hsts,
        certificates=certificates,
        page=Page(certificates.page, f"{LOOPBACK}:{PAGE_PORT}") if certificates.page else None,
        local=_local(stack, routes),
        rate=entry.rate_limit,
        judged=frozenset(r.route for r in identity.rules if r.resources)
        if identity
        else frozenset(),
    )


def _local(stack: Stack, routes: tuple[Route, ...]) -> Local | None:
    wanted = stack.network.entry.local_http
    route = next((r for r in routes if r.service == wanted and r.is_web), None)
    return Local(local_names(stack), route) if route is not None else None


def _virtual_hosts(routes: tuple[Route, ...]) -> Iterator[VirtualHost]:
    wildcards: dict[str, dict[str, Route]] = {}
    tunnelled: dict[str, Route] = {}
    moved: dict[str, dict[str, str]] = {}
    for route in routes:
        direct = route.moved_public if route.publish == "direct" else ()
        for name, to in (*route.moved, *direct):
            moved.setdefault(name.partition(".")[2], {}).setdefault(name, to)
        if route.tunnel == "proxy":
            for name, to in route.moved_public:
                moved.setdefault("", {}).setdefault(name, to)
        for name in (route.internal, *([route.public] if route.publish == "direct" else [])):
            if name:
                wildcards.setdefault(name.partition(".")[2], {}).setdefault(name, route)
        if route.tunnel == "proxy":
            tunnelled.setdefault(route.public, route)
    for domain, named in sorted(wildcards.items()):
        old = sorted(moved.get(domain, {}).items())
        yield VirtualHost(domain, tuple(sorted(named.items())), tuple(old))
    if tunnelled:
        old = sorted(moved.get("", {}).items())
        yield VirtualHost("", tuple(sorted(tunnelled.items())), tuple(old))


def _auth_proxy(identity: IdentityPlan) -> AuthProxy:
    auth_proxy = identity.auth_proxy
    queries = ((name, identity.query(name)) for name in identity.public_names)
    return AuthProxy(auth_proxy.kind, auth_proxy.address, tuple((n, q) for n, q in queries if q))
