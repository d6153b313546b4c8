"""Who may pass the gate, derived from the routes: whoever adds a gated name adds its rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.identity.model import IdentityConfig, IdentityPlan, Rule
from homelab.network.model import Route
from homelab.site.model import Site
from homelab.system.model import Host

PORT = 9091


def plan_identity(
    site: Site, hosts: Mapping[str, Host], routes: tuple[Route, ...]
) -> IdentityPlan | None:
    """The gate, its session cookies and one or two rules for each gated route."""
    identity = site.identity
    if identity is None or identity.host not in hosts:
        return None
    own = next((r for r in routes if r.service == identity.provider), None)
    gated = tuple(r for r in routes if r.auth == "forward")
    public = tuple(sorted(r.public for r in gated if r.public))
    portal = own.internal if own else _name(site, site.site.names.internal, identity)
    public_portal = ""
    if public:
        published = own.public if own else ""
        public_portal = published or _name(site, site.site.names.public, identity)
    return IdentityPlan(
        host=identity.host,
        portal=portal,
        public_portal=public_portal,
        address=f"{own.address}:{own.port}" if own else f"127.0.0.1:{PORT}",
        domain=_parent(portal),
        cookies=_cookies(portal, public_portal),
        public_names=public,
        rules=tuple(rule for route in gated for rule in _rules(route)),
        session=identity.session,
    )


def _name(site: Site, template: str, identity: IdentityConfig) -> str:
    zone = site.cloudflare.zone.name if site.cloudflare else site.site.domain
    return template.format(name=identity.name, domain=site.site.domain, zone=zone)


def _parent(name: str) -> str:
    return name.partition(".")[2]


def _cookies(portal: str, public_portal: str) -> tuple[tuple[str, str], ...]:
    """One session for names at home and one for names on the internet, if they differ in domain.

    The narrower domain comes first: Authelia takes the first that fits, and refuses the other
    order.
    """
    cookies = {_parent(portal): f"https://{portal}"}
    if public_portal:
        cookies.setdefault(_parent(public_portal), f"https://{public_portal}")
    return tuple(sorted(cookies.items(), key=lambda c: (-c[0].count("."), c[0])))


def _rules(route: Route) -> Iterator[Rule]:
    """What stays open comes first, for the first rule that matches decides."""
    if route.exempt:
        yield Rule(
            domain=route.names,
            policy="bypass",
            groups=(),
            resources=tuple(resource(path) for path in route.exempt),
            source=route.source,
        )
    yield Rule(
        domain=route.names,
        policy=route.policy or "one_factor",
        groups=route.groups,
        resources=(),
        source=route.source,
    )


def resource(path: str) -> str:
    """A path as the gate's regular expression, which is asked of path and query together."""
    if path.endswith("*"):
        return f"^{_quoted(path[:-1])}"
    return rf"^{_quoted(path)}(\?.*)?$"


def _quoted(text: str) -> str:
    # Not re.escape: Go's expressions refuse an escape before a letter or a blank.
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", text)
