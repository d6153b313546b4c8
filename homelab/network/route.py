"""Routes: a host name and the service that it leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from homelab.config.base import (
    Audience,
    Auth,
    Publish,
)
from homelab.config.routes import Origin, is_web


def main_first(routes: Iterable[Route]) -> list[Route]:
    """The routes of a service, its main route first: the one that the stack config makes the main
    route, otherwise the first that is HTTP.
    """
    return sorted(routes, key=lambda r: (not r.main, not r.is_web, r.position))


@dataclass(frozen=True)
class Route:
    """A name, who may reach it from which networks, and its app."""

    name: str
    service: str
    position: int
    """Index among the routes of its service."""
    host: str
    """Host of the app."""
    internal: str
    """Host name on the LAN and the tailnet; empty for a route that exists only in the tunnel."""
    public: str
    """Host name on the internet; empty for an internal route."""
    audience: Audience
    publish: Publish
    auth: Auth
    port: int
    address: str
    """Address of the app for the proxy: 127.0.0.1 or an address of its host; empty if unknown."""
    remote: bool
    scheme: str
    host_header: str
    verify: bool
    exempt: tuple[str, ...]
    groups: tuple[str, ...]
    policy: str
    access: bool
    public_reason: str
    headers: tuple[tuple[str, str], ...]
    """Identity headers that the app reads: (the app's name of the header, what it holds)."""
    believes: tuple[str, ...]
    """Headers that the app trusts as an identity with any kind of sign-in. The proxy removes them
    from every client request."""
    upload: str
    """Largest request body, such as `525MB`; empty for no limit."""
    source: str
    published_by: str = ""
    """Place of what decides `publish`: `site.publish`, or the route itself."""
    sources: str = "any"
    tailnet_direct: bool = False
    lan_direct: bool = False
    tunnel: Literal["", "proxy", "app"] = ""
    """What the tunnel dials for it: nothing, the proxy, or the app directly."""
    tunnel_service: str = ""
    """Another target that the tunnel dials instead, such as `ssh://localhost:22`; empty for none.
    """
    origin: Origin = field(default_factory=Origin)
    redirect_from: tuple[str, ...] = ()
    """First labels of the names that only lead to it."""
    moved: tuple[tuple[str, str], ...] = ()
    """Names at home that only lead to its internal name: (name, that name)."""
    moved_public: tuple[tuple[str, str], ...] = ()
    """Names on the internet that only lead to its public name."""
    main: bool = False
    """Whether the stack config makes it the main route of its service."""
    certificate: str = ""
    """Certificate in PEM that the app must present, or that of its authority; empty for the
    authorities that the host trusts."""
    server_name: str = ""
    """Name in the app's certificate; empty for its address."""
    access_groups: tuple[str, ...] = ()
    service_tokens: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        """Whether it speaks HTTP. Only the tunnel can carry any other protocol."""
        return is_web(self.tunnel_service)

    @property
    def url(self) -> str:
        """The URL of the route. Cloudflare offers SSH in the browser, so its URL is https; other
        protocols need a client program.
        """
        scheme = self.tunnel_service.partition(":")[0]
        if not self.is_web and scheme != "ssh":
            return f"{scheme}://{self.public}"
        return f"https://{self.internal if self.publish == 'internal' else self.public}"

    @property
    def title(self) -> str:
        """Its name in messages: the internal name, if it has one."""
        return self.internal or self.public or self.name

    @property
    def is_asked_in_tunnel(self) -> bool:
        """Whether forward auth protects the requests that arrive through the tunnel."""
        return self.auth == "forward" and self.tunnel == "proxy"

    @property
    def upstream(self) -> str:
        """The URL of the app for the proxy."""
        return f"{self.scheme}://{self.address}:{self.port}"

    @property
    def is_direct(self) -> bool:
        """Whether devices may also connect to the app directly, without the proxy."""
        return self.tailnet_direct or self.lan_direct

    def at(self, field: str) -> str:
        """The place of a field in the stack config. A route that another section requires has no
        such field, and the place is that section.
        """
        return f"{self.source}.{field}" if self.source.startswith("services.") else self.source

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name that the proxy serves for this route."""
        return tuple(dict.fromkeys(n for n in (self.internal, self.public) if n))


def internal_names(routes: tuple[Route, ...]) -> set[str]:
    """The names at home: those of routes, and those that redirect to them."""
    return {r.internal for r in routes if r.internal} | {n for r in routes for n, _ in r.moved}
