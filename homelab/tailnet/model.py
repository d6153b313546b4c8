"""Tailnet: what the stack config says, and what the plan knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JOIN_KEY = ("tailscale", "auth-key")
"""Service and name of the secret that holds the key to join with."""


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
class Login:
    """One way to log in by Tailscale SSH."""

    src: tuple[str, ...]
    dst: tuple[str, ...]
    users: tuple[str, ...]
    action: str
    source: str


@dataclass(frozen=True)
class LoginTest:
    """As `PolicyTest`, of Tailscale SSH."""

    src: str
    dst: tuple[str, ...]
    accept: tuple[str, ...]
    """Users that `src` can be on every one of `dst`."""
    deny: tuple[str, ...]
    """Users that it cannot be on any."""
    source: str


@dataclass(frozen=True)
class Device:
    """A machine that has joined and whose id is known."""

    host: str
    id: str
    tags: tuple[str, ...]
    routes: tuple[str, ...]


@dataclass(frozen=True)
class JoinKey:
    """A pre-auth key for a machine that has not joined yet."""

    host: str
    name: str
    """Another one for each epoch: a key that was used or has expired is never made anew."""
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TailnetPlan:
    """Everything that Tailscale is asked for."""

    name: str
    grants: tuple[Grant, ...]
    tests: tuple[PolicyTest, ...]
    groups: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, tuple[str, ...]]
    """Tag to the hosts that carry it; none where all of them are planned."""
    hosts: Mapping[str, str]
    """Names in the policy to addresses; a host appears when it has joined."""
    routes: Mapping[str, tuple[str, ...]]
    """Subnet route to the tags that may approve it."""
    exit_nodes: tuple[str, ...]
    """Tags that may approve themselves as exit nodes."""
    keys: tuple[JoinKey, ...]
    devices: tuple[Device, ...]
    logins: tuple[Login, ...]
    login_tests: tuple[LoginTest, ...]
    attributes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """Targets and what they may use."""
    nameservers: tuple[str, ...]
    split: tuple[tuple[str, tuple[str, ...]], ...]
    search: tuple[str, ...]
    override_local_dns: bool
    adopt: str
    """Digest of a policy that may be replaced though it is not ours."""
    stack: str
    """Whose policy it is; empty where nobody said."""
    elsewhere: bool
    """Whether another stack has the policy and the DNS; what is said of both here is then only
    what that one should say."""


SECTION = "homelab:tailnet: {name: …, client_id: {sops: …}, client_secret: {sops: …}, owners: […]}"
"""The least of its section, for messages that ask for it."""
