"""Routes as listeners of a reverse proxy."""

from __future__ import annotations

from homelab.identity.model import FORWARD_AUTH, IdentityPlan
from homelab.network.model import LOOPBACK_HTTP_PORT, Route
from homelab.proxy.model import IDENTITY_HEADERS, Gate, ProxyPlan, Site


def plan_proxy(host: str, routes: tuple[Route, ...], identity: IdentityPlan | None) -> ProxyPlan:
    """One TLS listener for each wildcard, and one for the tunnel on loopback."""
    wildcards: dict[str, list[tuple[str, Route]]] = {}
    for route in routes:
        names = [route.internal]
        if route.publish == "direct":
            names.append(route.public)
        for name in names:
            wildcards.setdefault(name.partition(".")[2], []).append((name, route))
    sites = [
        Site(f"*.{domain}", domain, tuple(sorted(named, key=lambda n: n[0])))
        for domain, named in sorted(wildcards.items())
    ]
    tunnelled = [(r.public, r) for r in routes if r.publish == "tunnel"]
    if tunnelled:
        sites.append(
            Site(f"http://:{LOOPBACK_HTTP_PORT}", "", tuple(sorted(tunnelled, key=lambda n: n[0])))
        )
    return ProxyPlan(host, tuple(sites), _gate(identity) if identity else None)


def _gate(identity: IdentityPlan) -> Gate:
    return Gate(
        address=identity.address,
        uri=FORWARD_AUTH,
        uris=tuple((name, identity.uri(name)) for name in identity.public_names),
        headers=IDENTITY_HEADERS,
    )
