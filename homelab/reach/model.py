"""Reachability: who reaches what, over which path, behind which sign-in, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["tailnet", "lan", "internet", "host", "container"]
"""The network of an origin. A tailnet device on the LAN also has the reach of lan. host: the host
of a container; container: another container there."""

Path = Literal[
    "lan",
    "tailnet",
    "subnet",
    "tunnel",
    "direct",
    "edge",
    "podman",
    "forwarded",
    "bridge",
    "host",
    "nobody",
]
"""lan: over the LAN; tailnet: to the host's tailnet address; subnet: to a LAN address through a
subnet router; tunnel: through Cloudflare; direct: from the internet to the host; edge: served
by Cloudflare; podman: over a common Podman network; forwarded: to the address of a container on
another Podman network; bridge: between a host and the bridge of a Podman network; host: on the host
itself; nobody: not reachable."""

BarrierKind = Literal["tailnet", "access", "forward", "app"]
"""tailnet: the tailnet's policy; access: Cloudflare Access; forward: forward auth at the reverse
proxy; app: the app's own sign-in."""


@dataclass(frozen=True)
class Origin:
    """A person, machine or network that requests come from."""

    name: str
    place: Place
    identity: str
    """Its name in the tailnet's policy; empty outside the tailnet."""
    source: str


@dataclass(frozen=True)
class Target:
    """A route's name, an open port, a container, or a port that containers of its host reach."""

    kind: Literal["route", "port", "container", "bridge"]
    name: str
    """The route's name, `aurora:2283/tcp`, or Podman's name of a container."""
    service: str
    host: str
    addresses: tuple[str, ...]
    """The host names of a route, the addresses of a port's host, or the names of a container on its
    network."""
    source: str
    published: tuple[str, ...] = ()
    """Where a container is published: `127.0.0.1:8090/tcp (80 inside)`."""


@dataclass(frozen=True)
class Reason:
    """One fact behind an answer, and its place in the stack config."""

    what: str
    source: str


@dataclass(frozen=True)
class Barrier:
    """A sign-in or policy on a path."""

    kind: BarrierKind
    what: str
    source: str


@dataclass(frozen=True)
class Answer:
    """Whether an origin reaches a target."""

    origin: Origin
    target: Target
    path: Path
    via: str
    """Intermediate host of the path; empty for none."""
    barriers: tuple[Barrier, ...]
    """In the order of the path; empty if there is no sign-in."""
    why: tuple[Reason, ...]
    """The facts behind the path; for an unreachable target, up to the hop that stops it."""
    stopped: Reason | None
    """What stops a request; None if it arrives."""

    @property
    def reachable(self) -> bool:
        """Whether a request arrives."""
        return self.stopped is None


@dataclass(frozen=True)
class Reach:
    """Every answer, by target and origin."""

    origins: tuple[Origin, ...]
    targets: tuple[Target, ...]
    answers: tuple[Answer, ...]
    at_home: tuple[str, ...]
    """Hosts with a LAN address; they may reach over the LAN what the tailnet denies."""
    notes: tuple[str, ...] = ()
    """What applies besides the answers, for some days: tinker mode."""

    def of(self, origin: str) -> tuple[Answer, ...]:
        """The answers of one origin."""
        return tuple(a for a in self.answers if a.origin.name == origin)

    def to(self, target: str) -> tuple[Answer, ...]:
        """The answers for one target."""
        return tuple(a for a in self.answers if a.target.name == target)
