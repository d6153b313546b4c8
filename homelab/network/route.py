"""Routes: a name that people type, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from homelab.config.base import (
    Audience,
    Auth,
    Publish,
)
from homelab.config.routes import Origin


def is_web(tunnel_service: str) -> bool:
    """Whether what the tunnel dials speaks HTTP; empty stands for the proxy or the app."""
    return tunnel_service.partition(":")[0] in ("", "http", "https", "unix")


@dataclass(frozen=True)
class Route:
    """A name, who may reach it from where, and the app behind it."""

    name: str
    service: str
    position: int
    """Among the routes of its service, as they are said; the first is the main one."""
    host: str
    """Host of the app."""
    internal: str
    """Host name on the LAN and the tailnet; empty for what only the tunnel carries."""
    public: str
    """Host name on the internet; empty for an internal route."""
    audience: Audience
    publish: Publish
    auth: Auth
    port: int
    address: str
    """Where the proxy finds the app: 127.0.0.1 or an address of its host; empty without a way."""
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
    """Identity headers that the app wants: (its name for it, what the gate calls it)."""
    believes: tuple[str, ...]
    """Headers that the app takes for an identity, whoever asks for the sign-in: no visitor may
    bring one along."""
    websocket: bool
    upload: str
    """Largest body of a request, as `525MB`; empty for no limit."""
    source: str
    sources: str = "any"
    tailnet_direct: bool = False
    lan_direct: bool = False
    tunnel: Literal["", "proxy", "app"] = ""
    """What the tunnel dials for it: nothing, the proxy, or past it the app itself."""
    tunnel_service: str = ""
    """What it dials in place of either; empty for no such thing."""
    origin: Origin = field(default_factory=Origin)
    access_groups: tuple[str, ...] = ()
    service_tokens: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        """Whether it speaks HTTP: anything else the tunnel alone can carry."""
        return is_web(self.tunnel_service)

    @property
    def url(self) -> str:
        """The address to type. A browser speaks SSH at the edge; other clients need a helper."""
        scheme = self.tunnel_service.partition(":")[0]
        if not self.is_web and scheme != "ssh":
            return f"{scheme}://{self.public}"
        return f"https://{self.internal if self.publish == 'internal' else self.public}"

    @property
    def title(self) -> str:
        """What to call it in a message: the name at home, if it has one."""
        return self.internal or self.public or self.name

    @property
    def is_asked_in_tunnel(self) -> bool:
        """Whether our own sign-in asks whoever the tunnel brings, before they reach the app."""
        return self.auth == "forward" and self.tunnel == "proxy"

    @property
    def upstream(self) -> str:
        """The app, as the proxy dials it."""
        return f"{self.scheme}://{self.address}:{self.port}"

    @property
    def is_direct(self) -> bool:
        """Whether devices may also ask the app itself, past the proxy."""
        return self.tailnet_direct or self.lan_direct

    def at(self, field: str) -> str:
        """Where the stack config says this of it. Sections other than services have no such field,
        and stand for all that follows from them.
        """
        return f"{self.source}.{field}" if self.source.startswith("services.") else self.source

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name that the proxy answers for this route."""
        return tuple(dict.fromkeys(n for n in (self.internal, self.public) if n))
