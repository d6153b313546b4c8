"""The proxy plan as Caddy: one wildcard site, a handle for each name, and 404 for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.network.model import Route
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge
from homelab.proxy.caddyfile import Directive, directive, print_caddyfile
from homelab.proxy.model import Gate, ProxyPlan, Site
from homelab.proxy.plan import plan_proxy

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Caddy on the entry host."""
    entry = plan.site.network.entry
    if host.name != entry.host or entry.proxy != "caddy":
        return
    proxy = plan_proxy(host.name, plan.routes, plan.identity)
    yield Module(
        "proxy.nix", "The entry plane: every name, and what answers", derived=_caddy(plan, proxy)
    )


def _caddy(plan: Plan, proxy: ProxyPlan) -> Attrs:
    sites: dict[str, Nix] = {}
    for site in proxy.sites:
        body: dict[str, Nix] = {"extraConfig": Lines(print_caddyfile(_site(site, proxy.gate)))}
        if site.certificate:
            body["useACMEHost"] = site.certificate
        else:
            body["listenAddresses"] = ["127.0.0.1"]
        sites[site.address] = body
    options: Attrs = {"enable": True, "virtualHosts": sites}
    if any(not s.certificate for s in proxy.sites):
        options["globalConfig"] = Lines(print_caddyfile(_global()))
    return merge(
        attrs("services.caddy", options),
        # The module would ask for certificates of its own otherwise; these come from security.acme.
        attrs("services.caddy.email", plan.site.site.owner.email),
    )


def _global() -> list[Directive]:
    """The tunnel's connector is on this host, so what it says of the client is believed."""
    return [
        directive(
            "servers",
            block=[
                directive("trusted_proxies", "static", "127.0.0.1/32"),
                directive("client_ip_headers", "Cf-Connecting-Ip", "X-Forwarded-For"),
            ],
        )
    ]


def _site(site: Site, gate: Gate | None) -> list[Directive]:
    # Before any handle: Caddy sorts directives, and this one comes first of these.
    out = [directive("request_header", "-Remote-*")]
    for name, route in site.routes:
        label = f"@{route.name}"
        out.append(directive(label, "host", name))
        out.append(directive("handle", label, block=_route(name, route, gate)))
    out.append(directive("handle", block=[directive("respond", "Not found", "404")]))
    return out


def _route(name: str, route: Route, gate: Gate | None) -> list[Directive]:
    out: list[Directive] = []
    if route.auth == "forward" and gate is not None:
        out += _gated(name, route, gate)
    out.append(_upstream(route))
    return out


def _gated(name: str, route: Route, gate: Gate) -> list[Directive]:
    words = ["forward_auth"]
    out: list[Directive] = []
    if route.exempt:
        out.append(directive("@gated", "not", "path", *route.exempt))
        words.append("@gated")
    out.append(
        directive(
            *words,
            gate.address,
            block=[
                directive("uri", gate.uri_for(name)),
                directive("copy_headers", *gate.headers),
            ],
        )
    )
    return out


_GATE_NAMES = {
    "user": "Remote-User",
    "email": "Remote-Email",
    "name": "Remote-Name",
    "groups": "Remote-Groups",
}


def _upstream(route: Route) -> Directive:
    block: list[Directive] = []
    if route.host_header:
        block.append(directive("header_up", "Host", route.host_header))
    for theirs, ours in route.headers:
        source = _GATE_NAMES[ours]
        if theirs != source:
            block.append(directive("header_up", theirs, f"{{header.{source}}}", live=True))
    if route.scheme == "https" and not route.verify:
        block.append(directive("transport", "http", block=[directive("tls_insecure_skip_verify")]))
    return directive("reverse_proxy", route.upstream, block=block)
