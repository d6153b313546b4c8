"""What a reverse proxy is to do, in no proxy's language: a backend looks nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from homelab.network.model import Route

Tls = Literal["1.2", "1.3"]

IDENTITY_HEADERS = ("Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User")
"""What the gate tells of a person. Never believed from outside: a proxy takes them from every
request before the gate may set them."""
GATE_HEADERS = {
    "email": "Remote-Email",
    "groups": "Remote-Groups",
    "name": "Remote-Name",
    "user": "Remote-User",
}
"""The same, by what a service calls it in its catalog entry."""
HSTS_SECONDS = 15552000
"""Half a year: how long a browser remembers to use HTTPS alone."""


@dataclass(frozen=True)
class Gate:
    """Where the proxy asks whether a request may pass."""

    address: str
    queries: tuple[tuple[str, str], ...]
    """(host name, query) of names whose visitors are sent to another portal than the session's
    domain would tell."""
    headers: tuple[str, ...] = IDENTITY_HEADERS
    """Identity headers that the gate's answer carries."""

    def uri_for(self, name: str, endpoint: str) -> str:
        """What to ask about a request to this host name."""
        return endpoint + dict(self.queries).get(name, "")


@dataclass(frozen=True)
class Site:
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
class ProxyPlan:
    """Everything the proxy serves, and what it does to every request.

    What holds for all of them is not said again: a name that is not listed is refused, a TLS name
    on plain HTTP is sent on with 308, websockets pass, and a body is limited where its route says
    so and nowhere else.
    """

    host: str
    email: str
    sites: tuple[Site, ...]
    redirects: tuple[Redirect, ...]
    gate: Gate | None
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """What `sources` of a route means: (word, networks in CIDR form)."""
    tls_min: Tls
    hsts: bool

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains with a certificate."""
        return tuple(s.domain for s in self.sites if s.domain)

    @property
    def tunnel(self) -> Site | None:
        """What the tunnel asks for, if there is one."""
        return next((s for s in self.sites if s.is_tunnel), None)

    def gate_of(self, route: Route) -> Gate | None:
        """Who is asked before a request to this route passes."""
        return self.gate if route.auth == "forward" else None

    def sources_of(self, route: Route) -> tuple[str, ...]:
        """Networks that a route answers to; none for all."""
        return dict(self.networks).get(route.sources, ())

    @property
    def spoofable(self) -> tuple[str, ...]:
        """Headers that some app believes, and that no visitor may bring along."""
        wanted = {theirs for s in self.sites for _, r in s.routes for theirs, _ in r.headers}
        return tuple(sorted({*IDENTITY_HEADERS, *wanted}, key=str.lower))


def spellings(header: str) -> tuple[str, ...]:
    """A header as an app may meet it: to many, `Remote_User` is `Remote-User`."""
    out = [""]
    for char in header:
        out = [o + c for o in out for c in ("-_" if char == "-" else char)]
    return tuple(out)


def pattern(path: str) -> str:
    """An exempt path as a regular expression: itself, or all that begins with it."""
    begins, text = path.endswith("*"), path.removesuffix("*")
    quoted = re.sub(r"[.+*?()\[\]{}|^$\\]", r"\\\g<0>", text)
    return f"^{quoted}" if begins else f"^{quoted}$"


def bytes_of(size: str) -> int:
    """`525MB` as a number; 0 for no limit."""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    return int(size[:-2]) * units[size[-2:]] if size else 0
