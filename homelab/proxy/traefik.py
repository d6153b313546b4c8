"""The proxy plan as Traefik: a router for each name; what no router knows is answered with 404.

A limit of uploads is not among it: Traefik would have to keep every body until it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.identity.model import FORWARD_AUTH
from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT, Route
from homelab.nix import Attrs, Comment, Module, Nix
from homelab.proxy.model import HSTS_SECONDS, Gate, ProxyPlan, Site, spellings
from homelab.proxy.plan import plan_proxy

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

DYNAMIC = "/var/lib/traefik/dynamic"
"""Where the module links the routers, from 26.05 on."""
_NONE = "noop@internal"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Traefik on the entry host."""
    entry = plan.site.network.entry
    if host.name != entry.host or entry.proxy != "traefik":
        return
    proxy = plan_proxy(plan.site, plan.routes, plan.identity)
    body: Attrs = {"enable": True}
    if host.release >= "26.05":
        body["static"] = {"settings": _static(proxy)}
        body["dynamic"] = {"dir": DYNAMIC, "files": {"homelab": {"settings": _dynamic(proxy)}}}
    else:
        body |= {"staticConfigOptions": _static(proxy), "dynamicConfigOptions": _dynamic(proxy)}
    yield Module(
        "proxy.nix",
        "The entry plane: every name, and what answers",
        derived={"services": {"traefik": body}},
    )


def _static(proxy: ProxyPlan) -> Attrs:
    patient: Attrs = {
        "respondingTimeouts": Comment(
            "An upload may take longer than a minute.", {"readTimeout": 0}
        )
    }
    entries: Attrs = {
        "http": {"address": ":80"},
        "https": {"address": ":443", "transport": patient},
    }
    if proxy.tunnel:
        entries["tunnel"] = {
            "address": f"{LOOPBACK}:{LOOPBACK_HTTP_PORT}",
            "forwardedHeaders": Comment(
                "The connector says whom it speaks for.", {"trustedIPs": [f"{LOOPBACK}/32"]}
            ),
            "transport": patient,
        }
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO"},
        "entryPoints": entries,
    }


def _dynamic(proxy: ProxyPlan) -> Attrs:
    wiring = _Wiring(proxy)
    for site in proxy.sites:
        for name, route in site.routes:
            wiring.route(site, name, route)
    wiring.plain_http()
    return wiring.options()


class _Wiring:
    """Routers, and the middlewares and services that they turn out to need."""

    def __init__(self, proxy: ProxyPlan) -> None:
        self.proxy = proxy
        self.routers: Attrs = {}
        self.services: Attrs = {}
        self.transports: Attrs = {}
        self.middlewares: Attrs = {"strip": _strip(proxy)}
        if proxy.hsts and proxy.domains:
            self.middlewares["hsts"] = {
                "headers": {"stsSeconds": HSTS_SECONDS, "forceSTSHeader": True}
            }

    def route(self, site: Site, name: str, route: Route) -> None:
        """One name: its service, its router, and a second one for what stays open."""
        public = name == route.public and name != route.internal
        key = f"{route.name}-public" if public else route.name
        first = [*self._sources(route), "strip"]
        if not site.is_tunnel and self.proxy.hsts:
            first.append("hsts")
        if route.host_header:
            self.middlewares[f"{route.name}-host"] = {
                "headers": {"customRequestHeaders": {"Host": route.host_header}}
            }
            first.append(f"{route.name}-host")
        gate = self.proxy.gate_of(route)
        chain = first if gate is None else [*first, self._gate(gate, name)]
        rule = f"Host(`{name}`)"
        self._router(key, site, rule, chain, route)
        if gate is not None and route.exempt:
            paths = " || ".join(_path(p) for p in route.exempt)
            self._router(f"{key}-open", site, f"{rule} && ({paths})", first, route)
        self.services[route.name] = {"loadBalancer": self._servers(route)}

    def plain_http(self) -> None:
        """Names of before move; names of now are sent on to HTTPS."""
        for redirect in self.proxy.redirects:
            key = f"moved-{redirect.name.replace('.', '-')}"
            self.middlewares[key] = {
                "redirectRegex": {
                    "regex": "^https?://[^/]+(.*)",
                    "replacement": f"https://{redirect.to}${{1}}",
                    "permanent": True,
                }
            }
            self.routers[key] = _plain(f"Host(`{redirect.name}`)", key)
        if self.proxy.domains:
            self.middlewares["to-https"] = {
                "redirectScheme": {"scheme": "https", "permanent": True}
            }
        for domain in self.proxy.domains:
            names = domain.replace(".", r"\.")
            key = f"to-https-{domain.replace('.', '-')}"
            self.routers[key] = _plain(rf"HostRegexp(`^[^.]+\.{names}$`)", "to-https")

    def options(self) -> Attrs:
        """The whole dynamic configuration."""
        http: Attrs = {
            "routers": self.routers,
            "middlewares": self.middlewares,
            "services": self.services,
        }
        if self.transports:
            http["serversTransports"] = self.transports
        out: Attrs = {"http": {k: v for k, v in http.items() if v}}
        if self.proxy.domains:
            out["tls"] = {
                "options": {
                    "default": {
                        "minVersion": "VersionTLS" + self.proxy.tls_min.replace(".", ""),
                        "sniStrict": True,
                    }
                },
                "certificates": [_certificate(d) for d in self.proxy.domains],
            }
        return out

    def _router(self, key: str, site: Site, rule: str, chain: list[str], route: Route) -> None:
        body: Attrs = {
            "rule": rule,
            "entryPoints": ["tunnel" if site.is_tunnel else "https"],
            "middlewares": list(chain),
            "service": route.name,
        }
        if not site.is_tunnel:
            body["tls"] = {}
        self.routers[key] = body

    def _sources(self, route: Route) -> list[str]:
        networks = self.proxy.sources_of(route)
        if not networks:
            return []
        key = f"from-{route.sources}"
        self.middlewares[key] = {"ipAllowList": {"sourceRange": list(networks)}}
        return [key]

    def _gate(self, gate: Gate, name: str) -> str:
        uri = gate.uri_for(name, FORWARD_AUTH)
        key = "gate" if uri == FORWARD_AUTH else f"gate-{name.partition('.')[2].replace('.', '-')}"
        self.middlewares[key] = {
            "forwardAuth": {
                "address": f"http://{gate.address}{uri}",
                "trustForwardHeader": True,
                "authResponseHeaders": list(gate.headers),
            }
        }
        return key

    def _servers(self, route: Route) -> Attrs:
        body: Attrs = {"servers": [{"url": route.upstream}]}
        if route.scheme == "https" and not route.verify:
            self.transports["unverified"] = {"insecureSkipVerify": True}
            body["serversTransport"] = "unverified"
        return body


def _strip(proxy: ProxyPlan) -> Nix:
    """An empty value takes a header away; this stands before the gate in every chain."""
    return {
        "headers": {
            "customRequestHeaders": {s: "" for h in proxy.spoofable for s in sorted(spellings(h))}
        }
    }


def _plain(rule: str, middleware: str) -> Nix:
    return {
        "rule": rule,
        "entryPoints": ["http"],
        "middlewares": [middleware],
        "service": _NONE,
    }


def _path(path: str) -> str:
    return f"PathPrefix(`{path[:-1]}`)" if path.endswith("*") else f"Path(`{path}`)"


def _certificate(domain: str) -> Nix:
    directory = f"/var/lib/acme/{domain}"
    return {"certFile": f"{directory}/fullchain.pem", "keyFile": f"{directory}/key.pem"}
