"""The reverse proxy's part of the plan. Each backend renders this model and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from homelab.certificates.model import CertificatesPlan
from homelab.config.proxy import RateLimit
from homelab.network.route import Route

Tls = Literal["1.2", "1.3"]

IDENTITY_HEADERS = ("Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User")
"""Headers in which the auth proxy names a person. The reverse proxy removes them from every client
request before it asks the auth proxy."""
AUTH_PROXY_HEADERS = {
    "email": "Remote-Email",
    "groups": "Remote-Groups",
    "name": "Remote-Name",
    "user": "Remote-User",
}
"""The same headers, by their keyword in catalog entries."""
AMBIGUOUS_PATH = r"^[^?]*(//|\.\.|[\\;#]|%(0|1|2[35EeFf]|3[BbFf]|5[Cc]|7[Ff]|[Cc][01]))"
"""Matches an original path that two programs may read differently: `..`, doubled slashes,
semicolons (some programs cut the path there), backslashes, and percent-encodings of these or of
`%`. Go has no look-around. Such a path is never exempt, and on routes with access rules for single
paths it is refused."""
HSTS_SECONDS = 15552000
"""Half a year: how long a browser uses only HTTPS."""
CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{long}": f"ECDHE-{key}-{short}"
    for long, short in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    )
    for key in ("ECDSA", "RSA")
}
"""Cipher suites for TLS 1.2, by Go name and OpenSSL name. All have forward secrecy and
authenticated encryption; they are Caddy's defaults. TLS 1.3 has no weak suites."""


FORWARD_AUTH = "/api/authz/forward-auth"
"""Authelia's endpoint; unlike the older `/api/verify`, it supports several session domains."""
AUTH_REQUEST = "/api/authz/auth-request"
"""The endpoint for Nginx, which cannot use a redirect as an answer: 401 with the portal's URL."""
ADAPTER = "/oauth2"
"""Path prefix of oauth2-proxy on every protected name; the provider redirects back to it."""
ADAPTER_HEADERS = tuple(
    f"X-Auth-Request-{w}" for w in ("Email", "Groups", "Preferred-Username", "User")
)
"""Every header in which oauth2-proxy names a person; apps may trust them."""
ADAPTER_ANSWERS = (
    ("Remote-Email", "X-Auth-Request-Email"),
    ("Remote-Groups", "X-Auth-Request-Groups"),
    ("Remote-User", "X-Auth-Request-Preferred-Username"),
)
"""(our identity header, the header of oauth2-proxy). It has none for the full name."""


@dataclass(frozen=True)
class AuthProxy:
    """The auth proxy that decides whether a request may pass."""

    kind: Literal["authelia", "oauth2-proxy"]
    """authelia answers a request without a session with a redirect to its portal. oauth2-proxy
    answers 401, and the proxy then serves its sign-in page, below `/oauth2` of the same name."""
    address: str
    queries: tuple[tuple[str, str], ...] = ()
    """(host name, query) of names that need another portal than the one of their session domain."""

    @property
    def is_adapter(self) -> bool:
        """Whether the auth proxy serves its sign-in pages on each protected name."""
        return self.kind == "oauth2-proxy"

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """(our identity header, the header of the auth proxy's answer with its value)."""
        return ADAPTER_ANSWERS if self.is_adapter else tuple((h, h) for h in IDENTITY_HEADERS)

    def uri_for(self, name: str, route: Route, endpoint: str = FORWARD_AUTH) -> str:
        """The URI of the auth request for this host name. `endpoint` applies to Authelia only."""
        if not self.is_adapter:
            return endpoint + dict(self.queries).get(name, "")
        groups = ",".join(route.groups)
        return f"{ADAPTER}/auth" + (f"?allowed_groups={groups}" if groups else "")


@dataclass(frozen=True)
class VirtualHost:
    """The names one label below a domain, or the names that the tunnel serves."""

    domain: str
    """Domain of the wildcard certificate; empty for the tunnel's plain HTTP on loopback."""
    routes: tuple[tuple[str, Route], ...]
    """(host name, route), by host name. Any other name is refused with 404."""
    moved: tuple[tuple[str, str], ...] = ()
    """(host name, the name that it leads to), by host name."""

    @property
    def is_tunnel(self) -> bool:
        """Whether only the tunnel's connector uses it."""
        return not self.domain


@dataclass(frozen=True)
class Redirect:
    """An old name. Plain HTTP answers it with 301 to the same path of the current name.

    HTTPS is not served: the old name has no certificate, and browsers refuse a redirect without
    one.
    """

    domain: str
    """The legacy domain."""
    name: str
    to: str


@dataclass(frozen=True)
class Local:
    """The service on plain HTTP at the host name and addresses of the entry host."""

    names: tuple[str, ...]
    """`<host>.local`, then its addresses."""
    route: Route


@dataclass(frozen=True)
class Page:
    """The page with the root certificate. It is served over plain HTTP, because a device cannot
    verify HTTPS before it trusts that certificate.
    """

    name: str
    upstream: str


@dataclass(frozen=True)
class ProxyPlan:
    """Everything that the proxy serves, and what it does to each request.

    Every backend also refuses unlisted names with 404, redirects plain HTTP to HTTPS with 308,
    passes websockets, and limits a request body only if its route sets `upload`.
    """

    host: str
    email: str
    virtual_hosts: tuple[VirtualHost, ...]
    redirects: tuple[Redirect, ...]
    auth_proxy: AuthProxy | None
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """Values of a route's `sources`: (value, networks in CIDR form)."""
    tls_min: Tls
    hsts: bool
    certificates: CertificatesPlan
    page: Page | None = None
    local: Local | None = None
    rate: RateLimit | None = None
    """Request rate of one client, over all names."""
    judged: frozenset[str] = frozenset()
    """Routes with access rules for single paths. They refuse paths that match `AMBIGUOUS_PATH`,
    because auth proxy and app may read such a path differently."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains with a certificate."""
        return tuple(s.domain for s in self.virtual_hosts if s.domain)

    @property
    def tunnel(self) -> VirtualHost | None:
        """The virtual host for the tunnel, if there is one."""
        return next((s for s in self.virtual_hosts if s.is_tunnel), None)

    def auth_proxy_of(self, route: Route) -> AuthProxy | None:
        """The auth proxy of a route with `auth: forward`; None for other routes."""
        return self.auth_proxy if route.auth == "forward" else None

    def sources_of(self, route: Route) -> tuple[str, ...]:
        """Networks that may use a route; empty for all."""
        return dict(self.networks).get(route.sources, ())

    @property
    def spoofable(self) -> tuple[str, ...]:
        """Headers that some app trusts, and that are removed from client requests."""
        trusted = {header for s in self.virtual_hosts for _, r in s.routes for header in r.believes}
        adapter = ADAPTER_HEADERS if self.auth_proxy and self.auth_proxy.is_adapter else ()
        return tuple(sorted({*IDENTITY_HEADERS, *adapter, *trusted}, key=str.lower))


def spellings(header: str) -> tuple[str, ...]:
    """The spellings of a header that apps treat alike: many read `Remote_User` as `Remote-User`,
    and PHP also `Remote.User` (`php_register_variable_ex`). Names with more than two hyphens are
    those of oauth2-proxy, which have no spelling with a dot: each would have 81.
    """
    alike = "-_." if header.count("-") <= 2 else "-_"
    out = [""]
    for char in header:
        out = [o + c for o in out for c in (alike if char == "-" else char)]
    return tuple(out)


def pattern(path: str) -> str:
    """A regular expression of the original path and query: the exempt path itself, or all paths
    with its prefix. Callers exclude `AMBIGUOUS_PATH`.
    """
    is_prefix, text = path.endswith("*"), path.removesuffix("*")
    quoted = re.sub(r"[.+*?()\[\]{}|^$\\]", r"\\\g<0>", text)
    return f"^{quoted}" if is_prefix else rf"^{quoted}(\?|$)"


def bytes_of(size: str) -> int:
    """A size such as `525MB` in bytes; 0 for no limit."""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    return int(size[:-2]) * units[size[-2:]] if size else 0
