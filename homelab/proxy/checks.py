"""Checks of the reverse proxy: what no proxy could do, or what only one of them would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from homelab.check import check, file_check
from homelab.config.services import ContainerService
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.proxy.model import AUTH_PROXY_HEADERS, AuthProxy
from homelab.system.pin_checks import later

LEGACY_UNTIL = file_check(
    "legacy-until", "warning", "A legacy domain whose time is over is dropped."
)


@check("proxy-text", rows="S0-15 T1")
def proxy_text(plan: Plan) -> Iterator[Problem]:
    """What one proxy reads differently from another opens more than was meant."""
    for route in plan.routes:
        for path in route.exempt:
            plain = path.removesuffix("*")
            if path == "/*":
                yield Problem(
                    route.at("exempt"),
                    f"/* leaves all of {route.title} open, so the gate asks nobody",
                    "leave exempt out and write auth: none and audience: public, or name the paths "
                    "that its clients need",
                )
            elif plain != path and not plain.endswith("/"):
                yield Problem(
                    route.at("exempt"),
                    f"{path} also opens every name that begins so, as {plain}-admin",
                    f"leave it out and write {plain}/*, and {plain} if it is asked for itself",
                )


@check("local-http", rows="S3-11")
def local_http(plan: Plan) -> Iterator[Problem]:
    """What plain HTTP shows at home is a page of a service, and not one behind a sign-in."""
    wanted = plan.stack.network.entry.local_http
    if wanted is None:
        return
    routes = [r for r in plan.routes if r.service == wanted and r.is_web]
    where = "network.entry.local_http"
    if not routes:
        known = {r.service for r in plan.routes if r.is_web}
        yield Problem(
            where, f"{wanted} has no page to show", did_you_mean(wanted, known, "services")
        )
    elif routes[0].sources != "any":
        yield Problem(
            where,
            f"{wanted} answers to {routes[0].sources} alone, and plain HTTP is for all at home",
            f"show another service there, or leave {routes[0].at('sources')} out",
        )
    elif routes[0].auth == "forward":
        yield Problem(
            where,
            f"{wanted} is behind the gate, which plain HTTP passes by",
            "show another service there, or leave it out",
        )


@check("proxy-headers", rows="T21")
def proxy_headers(plan: Plan) -> Iterator[Problem]:
    """Traefik hands on the gate's headers by their own names, and no gate tells all of them."""
    if plan.identity is None:
        return
    auth_proxy = plan.identity.auth_proxy.kind
    answers = dict(AuthProxy(auth_proxy, "").answers)
    for route in plan.routes:
        for theirs, ours in route.headers:
            told = answers.get(AUTH_PROXY_HEADERS[ours])
            if told is None:
                yield Problem(
                    route.source,
                    f"{route.service} wants {theirs}, and {auth_proxy} tells no {ours}",
                    f"{_reading(plan, route, theirs)}, or choose identity.provider: authelia",
                )
            elif theirs != told and plan.stack.network.entry.proxy == "traefik":
                yield Problem(
                    route.source,
                    f"{route.service} wants {theirs}, and Traefik can only hand on {told}",
                    f"{_reading(plan, route, theirs, f'{told}: {ours}')}, or choose "
                    "network.entry.proxy: caddy or nginx",
                )


def _reading(plan: Plan, route: Route, header: str, other: str = "") -> str:
    """How a route is asked without a header, or with another that the app can read as well; those
    of the catalog come and go with the gate.
    """
    service = plan.stack.services.get(route.service)
    if service is None or header not in service.headers:
        return "choose another auth than forward for it"
    there = f"services.{route.service}.headers"
    return f"leave {there}.{header} out" + (f" and let the app read {other}" if other else "")


@check("auth-proxy-groups", rows="S4-16 T2")
def auth_proxy_groups(plan: Plan) -> Iterator[Problem]:
    """oauth2-proxy tells groups apart only where it is asked, and Traefik asks for its pages."""
    adapter = plan.identity is not None and plan.identity.auth_proxy.kind == "oauth2-proxy"
    if plan.stack.network.entry.proxy != "traefik" or not adapter:
        return
    for route in plan.routes:
        if route.auth == "forward" and route.groups:
            yield Problem(
                route.at("groups"),
                f"Traefik cannot ask oauth2-proxy who is in {', '.join(route.groups)}",
                "choose network.entry.proxy: caddy or nginx, or leave groups out",
            )


@check("chain-known", rows="S4-12")
def chain_known(plan: Plan) -> Iterator[Problem]:
    """What stands before a route is what its proxy can do, and what its visitors can pass: those of
    the tunnel are in no network of ours.
    """
    entry = plan.stack.network.entry
    if entry.rate_limit is not None and entry.proxy == "caddy":
        yield Problem(
            "network.entry.rate_limit",
            "Caddy has no rate limit of its own",
            "leave it out, or choose network.entry.proxy: nginx or traefik",
        )
    host = plan.hosts.get(entry.host)
    if entry.plugins and host is not None and host.release < "25.05":
        yield Problem(
            "network.entry.plugins",
            f"Caddy takes plugins from NixOS 25.05 on, and {host.name} is pinned to {host.release}",
            f"{later(plan, host.config.nixpkgs, '25.05')}, or leave plugins out",
        )
    for route in plan.routes:
        if route.sources != "any" and route.publish != "internal":
            yield Problem(
                route.at("sources"),
                f"{route.public} is on the internet, and sources: {route.sources} shuts it out",
                "publish: internal, or leave sources out",
            )


@check("plugin-hash", rows="S1-03", severity="warning")
def plugin_hash(plan: Plan) -> Iterator[Problem]:
    """Caddy with plugins is other source code with every nixpkgs pin, and Nix builds only what it
    was told the hash of.
    """
    entry = plan.stack.network.entry
    host = plan.hosts.get(entry.host)
    if host is None or not entry.plugins:
        return
    pin = host.config.nixpkgs
    if pin not in entry.plugin_hashes:
        yield Problem(
            "network.entry.plugin_hashes",
            f"nothing says the hash of Caddy with plugins for the pin {pin}, so {host.name} will "
            "not build",
            "let it: the build stops before anything changes and prints got: sha256-…; write that "
            f"as {{{pin}: sha256-…}}",
        )
    for other in sorted(set(entry.plugin_hashes) - set(plan.stack.nixpkgs)):
        yield Problem(
            f"network.entry.plugin_hashes.{other}",
            f'there is no pin "{other}"',
            f"{did_you_mean(other, plan.stack.nixpkgs, 'pins')}; write that, or drop it",
        )


@check("sources-tailnet", rows="S4-12 S0-23")
def sources_tailnet(plan: Plan) -> Iterator[Problem]:
    """Names lead to a LAN address, and who forwards the tailnet to it speaks in its own name."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if plan.tailnet is None or entry is None or not entry.lan:
        return
    routers = {
        host.name
        for host in plan.hosts.values()
        if host.config.tailscale is not None
        and any(IPv4Address(entry.lan) in n for n in host.config.tailscale.subnet_routes)
    }
    if not routers or entry.name in routers:
        return
    for route in plan.routes:
        if route.sources == "tailnet":
            yield Problem(
                route.at("sources"),
                f"the tailnet comes to {entry.name} by way of {', '.join(sorted(routers))}, "
                "so its requests look like the LAN's",
                "write sources: internal, or let its own host forward the LAN: add "
                f"{plan.stack.network.lan.cidr} to hosts.{entry.name}.tailscale.subnet_routes",
            )


@check("legacy-uri", rows="S0-18")
def legacy_uri(plan: Plan) -> Iterator[Problem]:
    """A redirect is for people's bookmarks: what is configured says the name of now, or a sign-in
    ends at a name that has no certificate.
    """
    facts = plan.stack.site
    for index, legacy in enumerate(facts.legacy_domains):
        if facts.domain == legacy.domain or facts.domain.endswith(f".{legacy.domain}"):
            yield Problem(
                f"site.legacy_domains[{index}]",
                f"{legacy.domain} is the domain of today's names",
                "leave it out",
            )
        before = re.escape(legacy.domain)
        name = re.compile(rf"(^|[^a-z0-9-]){before}($|[^a-z0-9.-])", re.IGNORECASE)
        for key, service in plan.stack.services.items():
            said: list[tuple[str, object]] = [
                (f"options.{k}", v) for k, v in service.options.items()
            ]
            if isinstance(service, ContainerService):
                said.append(("container", service.container.environment))
            for where, value in said:
                for text in sorted(set(_texts(value))):
                    if name.search(text):
                        yield Problem(
                            f"services.{key}.{where}",
                            f"{text} lies in {legacy.domain}, which only redirects",
                            "write " + name.sub(rf"\g<1>{facts.domain}\g<2>", text),
                        )


def outlived(plan: Plan, today: str) -> Iterator[Problem]:
    """Legacy domains whose time is over by this day (`2026-12-31`). No check: it needs a clock."""
    for index, legacy in enumerate(plan.stack.site.legacy_domains):
        if legacy.until is not None and legacy.until < today:
            yield Problem(
                f"site.legacy_domains[{index}].until",
                f"{legacy.domain} was to redirect until {legacy.until}",
                f"leave the domain out, or give its visitors more time: until: … (after {today})",
                check=LEGACY_UNTIL,
                severity="warning",
            )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
