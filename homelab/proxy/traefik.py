"""The proxy plan as Traefik: a router for each name, and 404 for other names.

Upload limits are not applied: Traefik would have to buffer each request body.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT
from homelab.network.route import Route
from homelab.nix import Attrs, Comment, Module, Nix, merge
from homelab.plan import Plan
from homelab.proxy.model import (
    ADAPTER,
    AMBIGUOUS_PATH,
    CIPHERS,
    FORWARD_AUTH,
    HSTS_SECONDS,
    AuthProxy,
    ProxyPlan,
    VirtualHost,
    spellings,
)
from homelab.proxy.pinned import pinned_file, pinned_files
from homelab.proxy.plan import plan_proxy
from homelab.system.model import Host

DYNAMIC = "/var/lib/traefik/dynamic"
"""Directory in which the module links the routers, from NixOS 26.05."""
_NONE = "noop@internal"
_PLAIN = VirtualHost("local", ())
"""Placeholder for plain HTTP at the entry host's own name."""
_PAGE = "root_certificate"
AMBIGUOUS_RULE = rf"PathRegexp(`{AMBIGUOUS_PATH}|[\x00-\x1f\x7f\x{{fffd}}]`)"
"""Matches a path that programs read differently. Traefik has normalized and partly decoded it, so
control characters and invalid characters count as well."""
_ADAPTER_SERVICE = "oauth2_proxy"
"""The Traefik service for the pages of oauth2-proxy; no route name has an underscore."""


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
        "The reverse proxy: every name, and its upstream",
        derived=merge({"services": {"traefik": body}}, pinned_files(proxy)),
    )


def _static(proxy: ProxyPlan) -> Attrs:
    transport: Attrs = {
        "respondingTimeouts": Comment(
            "An upload may take longer than a minute.", {"readTimeout": 0}
        )
    }
    entries: Attrs = {
        "http": {"address": ":80"},
        "https": {"address": ":443", "transport": transport},
    }
    if proxy.tunnel:
        entries["tunnel"] = {
            "address": f"{LOOPBACK}:{LOOPBACK_HTTP_PORT}",
            "transport": transport,
        }
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO"},
        "entryPoints": entries,
    }


def _dynamic(proxy: ProxyPlan) -> Attrs:
    dynamic = _Dynamic(proxy)
    for virtual_host in proxy.virtual_hosts:
        for name, route in virtual_host.routes:
            dynamic.route(virtual_host, name, route)
        for name, to in virtual_host.moved:
            dynamic.moved(virtual_host, name, to)
    dynamic.plain_http()
    return dynamic.options()


class _Dynamic:
    """The dynamic configuration: routers, and the middlewares and services that they use."""

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
        """Add a name: its service, its router, and a second router for exempt paths."""
        # A name may be served on the LAN and through the tunnel.
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
        chain = first
        if auth_proxy is not None:
            chain = [*first, self._forward_auth(auth_proxy, name, route)]
        rule = f"Host(`{name}`)"
        self._router(key, virtual_host, rule, chain, route.name)
        if auth_proxy is not None and route.exempt:
            paths = " || ".join(_path(p) for p in route.exempt)
            exempt = f"{rule} && ({paths}) && !{AMBIGUOUS_RULE}"
            self._router(f"{key}-open", virtual_host, exempt, first, route.name)
        if auth_proxy is not None and route.name in self.proxy.judged:
            self.middlewares["deny"] = {"ipAllowList": {"sourceRange": ["0.0.0.0/32"]}}
            ambiguous = f"{rule} && {AMBIGUOUS_RULE}"
            self._router(f"{key}-ambiguous", virtual_host, ambiguous, ["deny"], route.name)
        if auth_proxy is not None and auth_proxy.is_adapter:
            pages = f"{rule} && PathPrefix(`{ADAPTER}/`)"
            self._router(f"{key}-sign-in", virtual_host, pages, first, _ADAPTER_SERVICE)
            self.services[_ADAPTER_SERVICE] = {
                "loadBalancer": {"servers": [{"url": f"http://{auth_proxy.address}"}]}
            }
        self.services[route.name] = {"loadBalancer": self._servers(route)}

    def moved(self, virtual_host: VirtualHost, name: str, to: str) -> None:
        """Add a name that only leads to another one."""
        key = self._leads(name, to)
        chain = [key] if virtual_host.is_tunnel or not self.proxy.hsts else ["hsts", key]
        # A name may be served at home and through the tunnel.
        self._router(
            f"{key}-tunnel" if virtual_host.is_tunnel else key,
            virtual_host,
            f"Host(`{name}`)",
            chain,
            _NONE,
        )

    def _leads(self, name: str, to: str) -> str:
        """The middleware that leads a name to another one."""
        # No label contains it: a.b-c and a-b.c stay apart.
        key = f"moved-{name.replace('.', '_')}"
        self.middlewares[key] = {
            "redirectRegex": {
                "regex": "^https?://[^/]+(.*)",
                "replacement": f"https://{to}${{1}}",
                "permanent": True,
            }
        }
        return key

    def plain_http(self) -> None:
        """Add redirects of old names, of current names to HTTPS, and the plain HTTP pages."""
        for redirect in self.proxy.redirects:
            key = self._leads(redirect.name, redirect.to)
            self.routers[key] = _plain(f"Host(`{redirect.name}`)", key)
        if page := self.proxy.page:
            self.routers[_PAGE] = {
                "rule": f"Host(`{page.name}`)",
                "entryPoints": ["http"],
                "priority": Comment(
                    "Above the redirect of its domain, whose rule is longer.", 1000
                ),
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
            # All requests through the tunnel have the connector's source address.
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

    def _forward_auth(self, auth_proxy: AuthProxy, name: str, route: Route) -> str:
        if auth_proxy.is_adapter:
            # For any page, it answers a request without a session with a redirect to the provider.
            uri, key = "/", "forward-auth"
        else:
            uri = auth_proxy.uri_for(name, route)
            domain = name.partition(".")[2].replace(".", "-")
            key = "forward-auth" if uri == FORWARD_AUTH else f"forward-auth-{domain}"
        self.middlewares[key] = {
            "forwardAuth": {
                "address": f"http://{auth_proxy.address}{uri}",
                "trustForwardHeader": True,
                "authResponseHeaders": sorted({answer for _, answer in auth_proxy.answers}),
            }
        }
        return key

    def _servers(self, route: Route) -> Attrs:
        body: Attrs = {"servers": [{"url": route.upstream}]}
        if route.scheme == "https" and not route.verify:
            self.transports["unverified"] = {"insecureSkipVerify": True}
            body["serversTransport"] = "unverified"
        elif route.scheme == "https" and (route.certificate or route.server_name):
            key = f"pinned-{route.service}"
            trust: Attrs = {"rootCAs": [pinned_file(route)]} if route.certificate else {}
            name: Attrs = {"serverName": route.server_name} if route.server_name else {}
            self.transports[key] = {**trust, **name}
            body["serversTransport"] = key
        return body


def _strip(proxy: ProxyPlan) -> Nix:
    """Removes identity headers (by an empty value); it comes before forward auth in each chain."""
    return {
        "headers": {
            "customRequestHeaders": {s: "" for h in proxy.spoofable for s in sorted(spellings(h))}
        }
    }


def _tunnelled() -> Nix:
    """The client's scheme: the connector forwards HTTPS requests over HTTP.

    The client address stays 127.0.0.1 for all requests through the tunnel. Cloudflare appends it to
    the X-Forwarded-For header of the client, Authelia reads the first address there, and Traefik
    cannot copy Cf-Connecting-Ip into that header.
    """
    headers: Attrs = {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}
    return {"headers": {"customRequestHeaders": headers}}


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
