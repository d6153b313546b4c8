"""What a reverse proxy is to do, in no proxy's language: a backend looks nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from homelab.certificates.model import CertificatesPlan
from homelab.config.proxy import RateLimit
from homelab.network.route import Route

Tls = Literal["1.2", "1.3"]

IDENTITY_HEADERS = ("Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User")
"""What the gate tells of a person. Never believed from outside: a proxy takes them from every
request before the gate may set them."""
AUTH_PROXY_HEADERS = {
    "email": "Remote-Email",
    "groups": "Remote-Groups",
    "name": "Remote-Name",
    "user": "Remote-User",
}
"""The same, by what a service calls it in its catalog entry."""
ODD = r"^[^?]*(//|\.\.|[\\;#]|%(0|1|2[35EeFf]|3[BbFf]|5[Cc]|7[Ff]|[Cc][01]))"
"""What finds a path, in a request as it came, that two programs may read in two ways: dots that
lead upwards, doubled slashes, semicolons (to some, the rest is no part of the path), backslashes,
and whatever stands for one of them in hexadecimal, an encoded `%` included. Go has no look-around.
Such a path is never exempt, and where the gate judges single paths it is refused."""
HSTS_SECONDS = 15552000
"""Half a year: how long a browser remembers to use HTTPS alone."""
CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{long}": f"ECDHE-{key}-{short}"
    for long, short in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    )
    for key in ("ECDSA", "RSA")
}
"""What is spoken with TLS 1.2, by the name that Go has for it, and OpenSSL's. Forward secrecy and
authenticated encryption alone: Caddy's own choice, said to the others too. TLS 1.3 has no bad ones.
"""


FORWARD_AUTH = "/api/authz/forward-auth"
"""Authelia's endpoint, which knows every session domain; the one it replaces knows a single one."""
AUTH_REQUEST = "/api/authz/auth-request"
"""The same for Nginx, which takes no redirect for an answer: 401 names the portal instead."""
ADAPTER = "/oauth2"
"""Paths of oauth2-proxy, on every name that it guards: people come back from the provider there."""
ADAPTER_HEADERS = tuple(
    f"X-Auth-Request-{w}" for w in ("Email", "Groups", "Preferred-Username", "User")
)
"""Every header by which oauth2-proxy tells of a person: apps behind it may know them."""
ADAPTER_ANSWERS = (
    ("Remote-Email", "X-Auth-Request-Email"),
    ("Remote-Groups", "X-Auth-Request-Groups"),
    ("Remote-User", "X-Auth-Request-Preferred-Username"),
)
"""What oauth2-proxy tells of a person, by our name for it. It knows no full name."""


@dataclass(frozen=True)
class AuthProxy:
    """Where the proxy asks whether a request may pass."""

    kind: Literal["authelia", "oauth2-proxy"]
    """authelia answers a stranger with the way to its portal. oauth2-proxy says no, and whoever
    was refused is handed to its own pages, below `/oauth2` of the name they asked for."""
    address: str
    queries: tuple[tuple[str, str], ...] = ()
    """(host name, query) of names whose visitors are sent to another portal than the session's
    domain would tell."""

    @property
    def is_adapter(self) -> bool:
        """Whether strangers are handed to pages of the gate on the very name they asked for."""
        return self.kind == "oauth2-proxy"

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """(our identity header, the header of the gate's answer that holds it)."""
        return ADAPTER_ANSWERS if self.is_adapter else tuple((h, h) for h in IDENTITY_HEADERS)

    def uri_for(self, name: str, route: Route, endpoint: str = FORWARD_AUTH) -> str:
        """What to ask about a request to this host name. `endpoint` is Authelia's."""
        if not self.is_adapter:
            return endpoint + dict(self.queries).get(name, "")
        groups = ",".join(route.groups)
        return f"{ADAPTER}/auth" + (f"?allowed_groups={groups}" if groups else "")


@dataclass(frozen=True)
class VirtualHost:
    """The names one label below a domain, or those that the tunnel asks for."""

    domain: str
    """Domain of the wildcard certificate; empty for the tunnel's plain HTTP on loopback."""
    routes: tuple[tuple[str, Route], ...]
    """(host name, route), by host name. Any other name is refused with 404."""

    @property
    def is_tunnel(self) -> bool:
        """Whether only the tunnel's connector comes in here."""
        return not self.domain


@dataclass(frozen=True)
class Redirect:
    """A name of before, which answers on plain HTTP with 301 to the same path of the name of now.

    Plain HTTP alone: no public authority vouches for the old name, and a browser that meets an
    unknown one refuses the redirect too.
    """

    domain: str
    """The legacy domain."""
    name: str
    to: str


@dataclass(frozen=True)
class Local:
    """What answers on plain HTTP to whoever knows the entry host alone."""

    names: tuple[str, ...]
    """`<host>.local`, then its addresses."""
    route: Route


@dataclass(frozen=True)
class Page:
    """What answers on plain HTTP to one name, beside the redirects to HTTPS: the page that hands
    out the root certificate, which a device cannot verify before it has that.
    """

    name: str
    upstream: str


@dataclass(frozen=True)
class ProxyPlan:
    """Everything the proxy serves, and what it does to every request.

    What holds for all of them is not said again: a name that is not listed is refused, a TLS name
    on plain HTTP is sent on with 308, websockets pass, and a body is limited where its route says
    so and nowhere else.
    """

    host: str
    email: str
    virtual_hosts: tuple[VirtualHost, ...]
    redirects: tuple[Redirect, ...]
    auth_proxy: AuthProxy | None
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """What `sources` of a route means: (word, networks in CIDR form)."""
    tls_min: Tls
    hsts: bool
    certificates: CertificatesPlan
    page: Page | None = None
    local: Local | None = None
    rate: RateLimit | None = None
    """How fast one visitor may ask, whatever they ask for."""
    judged: frozenset[str] = frozenset()
    """Routes of which the gate judges single paths: they answer no path that can be read in two
    ways, for the gate and the app may not read it alike."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains with a certificate."""
        return tuple(s.domain for s in self.virtual_hosts if s.domain)

    @property
    def tunnel(self) -> VirtualHost | None:
        """What the tunnel asks for, if there is one."""
        return next((s for s in self.virtual_hosts if s.is_tunnel), None)

    def auth_proxy_of(self, route: Route) -> AuthProxy | None:
        """Who is asked before a request to this route passes."""
        return self.auth_proxy if route.auth == "forward" else None

    def sources_of(self, route: Route) -> tuple[str, ...]:
        """Networks that a route answers to; none for all."""
        return dict(self.networks).get(route.sources, ())

    @property
    def spoofable(self) -> tuple[str, ...]:
        """Headers that some app believes, and that no visitor may bring along."""
        wanted = {header for s in self.virtual_hosts for _, r in s.routes for header in r.believes}
        told = ADAPTER_HEADERS if self.auth_proxy and self.auth_proxy.is_adapter else ()
        return tuple(sorted({*IDENTITY_HEADERS, *told, *wanted}, key=str.lower))


def spellings(header: str) -> tuple[str, ...]:
    """A header as an app may meet it: to many, `Remote_User` is `Remote-User`."""
    out = [""]
    for char in header:
        out = [o + c for o in out for c in ("-_" if char == "-" else char)]
    return tuple(out)


def pattern(path: str) -> str:
    """An exempt path as a regular expression of a request as it came, with its query: the path
    itself, or all that begins with it. What `ODD` finds is none of them.
    """
    begins, text = path.endswith("*"), path.removesuffix("*")
    quoted = re.sub(r"[.+*?()\[\]{}|^$\\]", r"\\\g<0>", text)
    return f"^{quoted}" if begins else rf"^{quoted}(\?|$)"


def bytes_of(size: str) -> int:
    """`525MB` as a number; 0 for no limit."""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    return int(size[:-2]) * units[size[-2:]] if size else 0
