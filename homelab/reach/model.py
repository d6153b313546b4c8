"""Who can reach what, over which path and behind which gate: the answers, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["tailnet", "lan", "internet"]
"""Where somebody asks from. Who is at home on the tailnet counts as lan, too."""

Path = Literal["lan", "tailnet", "subnet", "tunnel", "direct", "edge", "nobody"]
"""lan: straight over the home network; tailnet: to the host's tailnet address; subnet: to a LAN
address, forwarded by a host of the tailnet; tunnel: through Cloudflare; direct: from the internet
straight to the entry host; edge: Cloudflare itself serves it; nobody: not at all."""

BarrierKind = Literal["tailnet", "access", "forward", "app"]
"""tailnet: the tailnet's policy; access: Cloudflare Access; forward: the sign-in that the proxy
asks for; app: a sign-in of the app's own."""


@dataclass(frozen=True)
class Origin:
    """Somebody, in the place they ask from."""

    name: str
    place: Place
    identity: str
    """What the tailnet's policy knows them as; empty off the tailnet."""
    source: str


@dataclass(frozen=True)
class Target:
    """A name that people type, or an open port."""

    kind: Literal["route", "port"]
    name: str
    """The route's name, or `aurora:2283/tcp`."""
    service: str
    host: str
    addresses: tuple[str, ...]
    """What to type: the names of a route, the addresses of a port's host."""
    source: str


@dataclass(frozen=True)
class Reason:
    """One thing that an answer rests on, and the place in the stack config that says so."""

    what: str
    source: str


@dataclass(frozen=True)
class Barrier:
    """Something that stops whom it does not know."""

    kind: BarrierKind
    what: str
    source: str


@dataclass(frozen=True)
class Answer:
    """Whether one asker reaches one target."""

    origin: Origin
    target: Target
    path: Path
    via: str
    """Host that the path leads through; empty for a path that needs none."""
    barriers: tuple[Barrier, ...]
    """In the order in which a request meets them; empty where nothing asks."""
    why: tuple[Reason, ...]
    """What the path rests on; for nobody, how far a request would come."""
    stopped: Reason | None
    """What stops a request first; None where it arrives."""

    @property
    def reachable(self) -> bool:
        """Whether a request arrives at all."""
        return self.stopped is None


@dataclass(frozen=True)
class Reach:
    """Every answer, by target and asker."""

    origins: tuple[Origin, ...]
    targets: tuple[Target, ...]
    answers: tuple[Answer, ...]
    at_home: tuple[str, ...]
    """Hosts with a LAN address: whatever the tailnet denies them, the LAN may allow."""

    def of(self, origin: str) -> tuple[Answer, ...]:
        """What one asker reaches and does not."""
        return tuple(a for a in self.answers if a.origin.name == origin)

    def to(self, target: str) -> tuple[Answer, ...]:
        """Who reaches one target and who does not."""
        return tuple(a for a in self.answers if a.target.name == target)
