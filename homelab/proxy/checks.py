"""Checks of the reverse proxy: settings that no proxy, or not the chosen one, can apply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from homelab.check import check, file_check
from homelab.nested import texts
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.proxy.model import AUTH_PROXY_HEADERS, AuthProxy
from homelab.proxy.wrapper import variables_of
from homelab.services.parts import parts_of
from homelab.system.pin_checks import later

LEGACY_UNTIL = file_check(
    "legacy-until", "warning", "A legacy domain keeps redirecting after its `until` date."
)


@check("proxy-text")
def proxy_text(plan: Plan) -> Iterator[Problem]:
    """An exempt path that is too broad leaves more of a route open than intended."""
    for route in plan.routes:
        for path in route.exempt:
            plain = path.removesuffix("*")
            if path == "/*":
                yield Problem(
                    route.at("exempt"),
                    f"/* leaves all of {route.title} open, so no request needs a sign-in",
                    "leave exempt out and write auth: none and audience: public, or list only the "
                    "paths that its clients need",
                )
            elif plain != path and not plain.endswith("/"):
                yield Problem(
                    route.at("exempt"),
                    f"{path} also opens every path with that prefix, such as {plain}-admin",
                    f"leave it out and write {plain}/*, and {plain} if that path is needed too",
                )


@check("local-http")
def local_http(plan: Plan) -> Iterator[Problem]:
    """Plain HTTP on the LAN cannot serve a service without a page, or one behind a sign-in."""
    wanted = plan.stack.network.entry.local_http
    if wanted is None:
        return
    routes = [r for r in plan.routes if r.service == wanted and r.is_web]
    where = "network.entry.local_http"
    if not routes and plan.is_lost(wanted):
        return
    if not routes:
        known = {r.service for r in plan.routes if r.is_web}
        yield Problem(where, f"{wanted} has no web page", did_you_mean(wanted, known, "services"))
    elif routes[0].sources != "any":
        yield Problem(
            where,
            f"{wanted} has sources: {routes[0].sources}, but plain HTTP is open to the whole LAN",
            f"choose another service, or leave {routes[0].at('sources')} out",
        )
    elif routes[0].auth == "forward":
        yield Problem(
            where,
            f"{wanted} has auth: forward, which plain HTTP would bypass",
            "choose another service, or leave it out",
            cause="identity" if plan.stack.identity is None else "",
        )


@check("proxy-resolves")
def proxy_resolves(plan: Plan) -> Iterator[Problem]:
    """Nginx looks names of upstreams up when it starts, and does not start without an answer."""
    if plan.stack.network.entry.proxy != "nginx":
        return
    for service in plan.services:
        external = service.external
        if external is not None and not _ADDRESS.fullmatch(external.address):
            yield Problem(
                service.at("external.address"),
                f"Nginx looks {external.address} up when it starts, and fails to start without an "
                "answer",
                "write its IP address, or choose network.entry.proxy: caddy",
            )


_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")


@check("proxy-headers")
def proxy_headers(plan: Plan) -> Iterator[Problem]:
    """No auth proxy sends every identity header, and Traefik cannot rename them."""
    if plan.identity is None:
        return
    auth_proxy = plan.identity.auth_proxy.kind
    answers = dict(AuthProxy(auth_proxy, "").answers)
    for route in plan.routes:
        for header, content in route.headers:
            answer = answers.get(AUTH_PROXY_HEADERS[content])
            if answer is None:
                yield Problem(
                    route.source,
                    f"{route.service} needs {header}, but {auth_proxy} sends no {content}",
                    f"{_reading(plan, route, header)}, or choose identity.provider: authelia",
                )
            elif header != answer and plan.stack.network.entry.proxy == "traefik":
                yield Problem(
                    route.source,
                    f"{route.service} needs {header}, but Traefik can only pass on {answer}",
                    f"{_reading(plan, route, header, f'{answer}: {content}')}, or choose "
                    "network.entry.proxy: caddy or nginx",
                )


def _reading(plan: Plan, route: Route, header: str, other: str = "") -> str:
    """The way out for a header that the auth proxy cannot send: leave it out, or read another.
    Headers from the catalog depend on `auth: forward`.
    """
    service = plan.stack.services.get(route.service)
    if service is None or header not in service.headers:
        return "choose another auth than forward for it"
    where = f"services.{route.service}.headers"
    return f"leave {where}.{header} out" + (f" and let the app read {other}" if other else "")


@check("auth-proxy-groups")
def auth_proxy_groups(plan: Plan) -> Iterator[Problem]:
    """Only the auth endpoint of oauth2-proxy checks groups, and Traefik cannot use it."""
    adapter = plan.identity is not None and plan.identity.auth_proxy.kind == "oauth2-proxy"
    if plan.stack.network.entry.proxy != "traefik" or not adapter:
        return
    for route in plan.routes:
        if route.auth == "forward" and route.groups:
            yield Problem(
                route.at("groups"),
                f"Traefik cannot ask oauth2-proxy for the members of {', '.join(route.groups)}",
                "choose network.entry.proxy: caddy or nginx, or leave groups out",
            )


@check("chain-known")
def chain_known(plan: Plan) -> Iterator[Problem]:
    """The chosen proxy may lack a setting or lose the address of visitors, and `sources` would
    refuse clients from the internet.
    """
    entry = plan.stack.network.entry
    if entry.rate_limit is not None and entry.proxy == "caddy":
        yield Problem(
            "network.entry.rate_limit",
            "Caddy has no built-in rate limit",
            "leave it out, or choose network.entry.proxy: nginx or traefik",
        )
    signs_in = plan.identity is not None and plan.identity.provider == "authelia"
    if entry.proxy == "traefik" and signs_in and any(map(_asks_through_tunnel, plan.routes)):
        yield Problem(
            "network.entry.proxy",
            "behind Traefik, all visitors through the tunnel have the address 127.0.0.1 for "
            "Authelia: its log and a ban by address cannot tell them apart",
            # Caddy has no rate limit.
            f"choose network.entry.proxy: {'nginx' if entry.rate_limit else 'caddy or nginx'}",
            severity="warning",
        )
    host = plan.hosts.get(entry.host)
    if entry.plugins and host is not None and host.release < "25.05":
        yield Problem(
            "network.entry.plugins",
            f"Caddy plugins need NixOS 25.05, and {host.name} is pinned to {host.release}",
            f"{later(plan, host.config.nixpkgs, '25.05')}, or leave plugins out",
        )
    if entry.variables == "exec_wrapper" and not variables_of(plan.stack):
        yield Problem(
            "network.entry.variables",
            "Caddy has no secret with a variable, so there is nothing to wrap",
            "add services.caddy: {secrets: {dns: {ref: {sops: …}, env: CLOUDFLARE_API_TOKEN}}}, or "
            "leave variables out",
        )
    for route in plan.routes:
        if route.sources != "any" and route.publish != "internal":
            yield Problem(
                route.at("sources"),
                f"{route.public} is on the internet, but sources: {route.sources} refuses "
                "clients from there",
                "write publish: internal, or leave sources out",
            )


def _asks_through_tunnel(route: Route) -> bool:
    """Whether visitors through the tunnel are signed in by Authelia, or at its own page."""
    return route.tunnel == "proxy" and (route.service == "authelia" or route.auth == "forward")


@check("plugin-hash", severity="warning")
def plugin_hash(plan: Plan) -> Iterator[Problem]:
    """Nix builds Caddy with plugins only with a hash, and each nixpkgs pin needs its own."""
    entry = plan.stack.network.entry
    host = plan.hosts.get(entry.host)
    if host is None or not entry.plugins:
        return
    pin = host.config.nixpkgs
    if pin not in entry.plugin_hashes:
        yield Problem(
            "network.entry.plugin_hashes",
            f"the hash of Caddy with plugins for the pin {pin} is missing, so {host.name} will "
            "not build",
            "run the deployment: the build stops before anything changes and prints got: "
            f"sha256-…; write that as {{{pin}: sha256-…}}",
        )
    for other in sorted(set(entry.plugin_hashes) - set(plan.stack.nixpkgs)):
        yield Problem(
            f"network.entry.plugin_hashes.{other}",
            f'there is no pin "{other}"',
            did_you_mean(other, plan.stack.nixpkgs, "pins") + "; write that, or remove it",
        )


@check("sources-tailnet")
def sources_tailnet(plan: Plan) -> Iterator[Problem]:
    """A subnet router replaces the source address, so the proxy cannot recognise the tailnet."""
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
                f"the tailnet reaches {entry.name} through the subnet router "
                f"{', '.join(sorted(routers))}, so its requests have a LAN source address",
                f"write sources: internal, or make {entry.name} a subnet router of the LAN: add "
                f"{plan.stack.network.lan.cidr} to hosts.{entry.name}.tailscale.subnet_routes",
            )


@check("legacy-uri")
def legacy_uri(plan: Plan) -> Iterator[Problem]:
    """A setting with a legacy domain breaks, because that domain only redirects and has no
    certificate.
    """
    facts = plan.stack.site
    for index, legacy in enumerate(facts.legacy_domains):
        if facts.domain == legacy.domain or facts.domain.endswith(f".{legacy.domain}"):
            yield Problem(
                f"site.legacy_domains[{index}]",
                f"{legacy.domain} is the domain of the current names",
                "leave it out",
            )
        before = re.escape(legacy.domain)
        name = re.compile(rf"(^|[^a-z0-9-]){before}($|[^a-z0-9.-])", re.IGNORECASE)
        for key, service in plan.stack.services.items():
            settings: list[tuple[str, object]] = [
                (f"options.{k}", v) for k, v in service.options.items()
            ]
            settings += [(p.place, p.config.environment) for p in parts_of(key, service)]
            for where, value in settings:
                for text in sorted(set(texts(value))):
                    if name.search(text):
                        # An option that repeats the domain would be the next problem.
                        follows = where.startswith("options.")
                        new = name.sub(
                            rf"\g<1>{'{domain}' if follows else facts.domain}\g<2>", text
                        )
                        yield Problem(
                            f"services.{key}.{where}",
                            f"{text} uses {legacy.domain}, which only redirects",
                            f'write {{$text: "{new}"}}' if follows else f"write {new}",
                        )


def outlived(plan: Plan, today: str) -> Iterator[Problem]:
    """Legacy domains that expired before this day (`2026-12-31`): a file check."""
    for index, legacy in enumerate(plan.stack.site.legacy_domains):
        if legacy.until is not None and legacy.until < today:
            yield Problem(
                f"site.legacy_domains[{index}].until",
                f"the redirect of {legacy.domain} was planned until {legacy.until}",
                f"leave the domain out, or keep it longer: until: … (after {today})",
                check=LEGACY_UNTIL,
                severity="warning",
            )
