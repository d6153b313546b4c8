"""The proxy plan as Traefik: a router for each name; what no router knows is answered with 404.

A limit of uploads is not among it: Traefik would have to keep every body until it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT
from homelab.network.route import Route
from homelab.nix import Attrs, Comment, Module, Nix
from homelab.plan import Plan
from homelab.proxy.model import (
    ADAPTER,
    CIPHERS,
    FORWARD_AUTH,
    HSTS_SECONDS,
    ODD,
    AuthProxy,
    ProxyPlan,
    VirtualHost,
    spellings,
)
from homelab.proxy.plan import plan_proxy
from homelab.system.model import Host

DYNAMIC = "/var/lib/traefik/dynamic"
"""Where the module links the routers, from 26.05 on."""
_NONE = "noop@internal"
_PLAIN = VirtualHost("local", ())
"""Where no name of a domain is asked for."""
_PAGE = "root_certificate"
ODD_RULE = rf"PathRegexp(`{ODD}|[\x00-\x1f\x7f\x{{fffd}}]`)"
"""A path that can be read in two ways, after Traefik has cleaned it and decoded what has no meaning
of its own: control characters, and what is no character at all.
"""
_GATE = "oauth2_proxy"
"""The service behind the gate's own pages; no route has an underscore in its name."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Traefik on the entry host."""
    entry = plan.stack.network.entry
    if host.name != entry.host or entry.proxy != "traefik":
        return
    proxy = plan_proxy(plan.stack, plan.routes, plan.identity, plan.certificates)
    body: Attrs = {"enable": True}
    if host.release >= "26.05":
        body["static"] = {"settings": _static(proxy)}
        body["dynamic"] = {"dir": DYNAMIC, "files": {"homelab": {"settings": _dynamic(proxy)}}}
    else:
        body |= {"staticConfigOptions": _static(proxy), "dynamicConfigOptions": _dynamic(proxy)}
    yield Module(
        "proxy.nix",
        "The reverse proxy: every name, and what answers",
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
            "transport": patient,
        }
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO"},
        "entryPoints": entries,
    }


def _dynamic(proxy: ProxyPlan) -> Attrs:
    wiring = _Wiring(proxy)
    for virtual_host in proxy.virtual_hosts:
        for name, route in virtual_host.routes:
            wiring.route(virtual_host, name, route)
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

    def route(self, virtual_host: VirtualHost, name: str, route: Route) -> None:
        """One name: its service, its router, and a second one for what stays open."""
        # One name may be known both at home and through the tunnel.
        public = virtual_host.is_tunnel or (name == route.public and name != route.internal)
        key = f"{route.name}-public" if public else route.name
        first = [*self._sources(route), *self._rate(virtual_host), "strip"]
        if virtual_host.is_tunnel:
            self.middlewares["tunnelled"] = _tunnelled()
            first.append("tunnelled")
        elif self.proxy.hsts:
            first.append("hsts")
        if route.host_header:
            self.middlewares[f"{route.name}-host"] = {
                "headers": {"customRequestHeaders": {"Host": route.host_header}}
            }
            first.append(f"{route.name}-host")
        auth_proxy = self.proxy.auth_proxy_of(route)
        chain = first if auth_proxy is None else [*first, self._gate(auth_proxy, name, route)]
        rule = f"Host(`{name}`)"
        self._router(key, virtual_host, rule, chain, route.name)
        if auth_proxy is not None and route.exempt:
            paths = " || ".join(_path(p) for p in route.exempt)
            plain = f"{rule} && ({paths}) && !{ODD_RULE}"
            self._router(f"{key}-open", virtual_host, plain, first, route.name)
        if auth_proxy is not None and route.name in self.proxy.judged:
            self.middlewares["nobody"] = {"ipAllowList": {"sourceRange": ["0.0.0.0/32"]}}
            self._router(
                f"{key}-odd", virtual_host, f"{rule} && {ODD_RULE}", ["nobody"], route.name
            )
        if auth_proxy is not None and auth_proxy.is_adapter:
            self._router(
                f"{key}-sign-in", virtual_host, f"{rule} && PathPrefix(`{ADAPTER}/`)", first, _GATE
            )
            self.services[_GATE] = {
                "loadBalancer": {"servers": [{"url": f"http://{auth_proxy.address}"}]}
            }
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
        if page := self.proxy.page:
            self.routers[_PAGE] = {
                "rule": f"Host(`{page.name}`)",
                "entryPoints": ["http"],
                "priority": Comment("The redirect of its domain has the longer rule.", 1000),
                "service": _PAGE,
            }
            self.services[_PAGE] = {
                "loadBalancer": {"servers": [{"url": f"http://{page.upstream}"}]}
            }
        if local := self.proxy.local:
            self.routers["local"] = {
                "rule": " || ".join(f"Host(`{name}`)" for name in local.names),
                "entryPoints": ["http"],
                "middlewares": [*self._rate(_PLAIN), "strip"],
                "service": local.route.name,
            }
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
            ciphers: Attrs = {"cipherSuites": list(CIPHERS)} if self.proxy.tls_min == "1.2" else {}
            out["tls"] = {
                "options": {
                    "default": {
                        **ciphers,
                        "minVersion": "VersionTLS" + self.proxy.tls_min.replace(".", ""),
                        "sniStrict": True,
                    }
                },
                "certificates": [_certificate(self.proxy, d) for d in self.proxy.domains],
            }
        return out

    def _router(
        self, key: str, virtual_host: VirtualHost, rule: str, chain: list[str], service: str
    ) -> None:
        body: Attrs = {
            "rule": rule,
            "entryPoints": ["tunnel" if virtual_host.is_tunnel else "https"],
            "middlewares": list(chain),
            "service": service,
        }
        if not virtual_host.is_tunnel:
            body["tls"] = {}
        self.routers[key] = body

    def _rate(self, virtual_host: VirtualHost) -> list[str]:
        rate = self.proxy.rate
        if rate is None:
            return []
        key = "rate-tunnel" if virtual_host.is_tunnel else "rate"
        body: Attrs = {"average": rate.average, "burst": rate.burst}
        if virtual_host.is_tunnel:
            # The connector is the one address that everybody comes from.
            body["sourceCriterion"] = {"requestHeaderName": "Cf-Connecting-Ip"}
        self.middlewares[key] = {"rateLimit": body}
        return [key]

    def _sources(self, route: Route) -> list[str]:
        networks = self.proxy.sources_of(route)
        if not networks:
            return []
        key = f"from-{route.sources}"
        self.middlewares[key] = {"ipAllowList": {"sourceRange": list(networks)}}
        return [key]

    def _gate(self, auth_proxy: AuthProxy, name: str, route: Route) -> str:
        if auth_proxy.is_adapter:
            # Asked for any page, it answers a stranger with the way to the provider.
            uri, key = "/", "gate"
        else:
            uri = auth_proxy.uri_for(name, route)
            domain = name.partition(".")[2].replace(".", "-")
            key = "gate" if uri == FORWARD_AUTH else f"gate-{domain}"
        self.middlewares[key] = {
            "forwardAuth": {
                "address": f"http://{auth_proxy.address}{uri}",
                "trustForwardHeader": True,
                "authResponseHeaders": sorted({theirs for _, theirs in auth_proxy.answers}),
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


def _tunnelled() -> Nix:
    """The visitor speaks HTTPS, and the connector HTTP for them.

    Whatever else is said of the visitor is not believed. Cloudflare puts the address behind what
    the visitor sent as X-Forwarded-For, and Authelia takes the first of them; Traefik can copy no
    header in its place. So everybody who comes by the tunnel comes from 127.0.0.1.
    """
    told: Attrs = {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}
    return {"headers": {"customRequestHeaders": told}}


def _plain(rule: str, middleware: str) -> Nix:
    return {
        "rule": rule,
        "entryPoints": ["http"],
        "middlewares": [middleware],
        "service": _NONE,
    }


def _path(path: str) -> str:
    return f"PathPrefix(`{path[:-1]}`)" if path.endswith("*") else f"Path(`{path}`)"


def _certificate(proxy: ProxyPlan, domain: str) -> Nix:
    certificate, key = proxy.certificates.files(domain)
    return {"certFile": certificate, "keyFile": key}
