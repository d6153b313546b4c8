"""Tailnet: what the stack config says, and what the plan knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from homelab.model import Domain, Email, Model, SecretRef, Str

JOIN_KEY = ("tailscale", "auth-key")
"""Service and name of the secret that holds the key to join with."""

Ports = Annotated[Str, Field(pattern=r"^(\*|(tcp|udp):([0-9]{1,5}(-[0-9]{1,5})?|\*))$")]


class ExtraGrant(Model):
    """A way between machines that no route or service explains."""

    src: Annotated[list[Str], Field(min_length=1)]
    """Who: `tag:agent`, `group:family`, `autogroup:member`, or a host's name."""
    dst: Annotated[list[Str], Field(min_length=1)]
    """To what: as `src`."""
    ip: Annotated[list[Ports], Field(min_length=1)]
    """Which ports: `tcp:443`, `udp:53`, `*`."""
    why: Str = ""


class TailnetConfig(Model):
    """`homelab:tailnet`."""

    name: Domain
    """MagicDNS domain of the tailnet: `tail1234.ts.net`."""
    client_id: SecretRef
    """OAuth client id, which needs no hiding but lives beside its secret."""
    client_secret: SecretRef
    owners: Annotated[list[Email], Field(min_length=1)]
    """Tailnet users who may reach everything and administer it."""
    family: list[Email] = Field(default_factory=list)
    """Tailnet users who may reach the entry plane."""
    override_local_dns: bool = True
    """Devices ask the home resolver even when their network offers another."""
    adopt: bool = False
    """Take over the policy that exists; without it, a policy that somebody edited is not
    overwritten."""
    grants: list[ExtraGrant] = Field(default_factory=list)


@dataclass(frozen=True)
class Grant:
    """One allowed way, and what asked for it."""

    src: tuple[str, ...]
    dst: tuple[str, ...]
    ip: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class PolicyTest:
    """What Tailscale itself must agree with before it takes the policy."""

    src: str
    accept: tuple[str, ...]
    """`host:port` that must be reachable."""
    deny: tuple[str, ...]
    """`host:port` that must not be."""
    source: str


@dataclass(frozen=True)
class JoinKey:
    """A pre-auth key for a machine that has not joined yet."""

    host: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TailnetPlan:
    """Everything that Tailscale is asked for."""

    name: str
    grants: tuple[Grant, ...]
    tests: tuple[PolicyTest, ...]
    groups: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, tuple[str, ...]]
    """Tag to the hosts that carry it."""
    hosts: Mapping[str, str]
    """Names in the policy to addresses; a host appears when it has joined."""
    routes: Mapping[str, tuple[str, ...]]
    """Subnet route to the tags that may approve it."""
    exit_nodes: tuple[str, ...]
    """Tags that may approve themselves as exit nodes."""
    keys: tuple[JoinKey, ...]
    nameservers: tuple[str, ...]
    split: tuple[tuple[str, tuple[str, ...]], ...]
    search: tuple[str, ...]
    override_local_dns: bool
    adopt: bool
