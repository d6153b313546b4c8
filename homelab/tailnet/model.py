"""The planned tailnet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JOIN_KEY = ("tailscale", "auth-key")
"""Service and name of the secret with the auth key for joining."""


@dataclass(frozen=True)
class Grant:
    """One grant of the policy; `source` is its place in the stack config."""

    src: tuple[str, ...]
    dst: tuple[str, ...]
    ip: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class PolicyTest:
    """A test in the policy. Tailscale refuses a policy that fails it."""

    src: str
    accept: tuple[str, ...]
    """`host:port` that must be reachable."""
    deny: tuple[str, ...]
    """`host:port` that must not be."""
    source: str
    proto: str = ""
    """Only this protocol; empty for TCP or UDP."""


@dataclass(frozen=True)
class Login:
    """One rule of Tailscale SSH."""

    src: tuple[str, ...]
    dst: tuple[str, ...]
    users: tuple[str, ...]
    action: str
    source: str


@dataclass(frozen=True)
class LoginTest:
    """A test of the Tailscale SSH rules in the policy."""

    src: str
    dst: tuple[str, ...]
    accept: tuple[str, ...]
    """Users as which `src` can log in on every one of `dst`."""
    deny: tuple[str, ...]
    """Users as which it cannot log in on any of them."""
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
    """Differs between epochs, so that a new epoch creates a new key."""
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TailnetPlan:
    """Everything that homelab configures at Tailscale."""

    name: str
    grants: tuple[Grant, ...]
    tests: tuple[PolicyTest, ...]
    groups: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, tuple[str, ...]]
    """Tag to its hosts; empty when all of them are planned."""
    hosts: Mapping[str, str]
    """Names in the policy to addresses, of hosts that have joined."""
    routes: Mapping[str, tuple[str, ...]]
    """Subnet route to the tags that may approve it."""
    exit_nodes: tuple[str, ...]
    """Tags whose exit nodes are approved automatically."""
    keys: tuple[JoinKey, ...]
    devices: tuple[Device, ...]
    logins: tuple[Login, ...]
    login_tests: tuple[LoginTest, ...]
    attributes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """Node attributes: (targets, attributes)."""
    nameservers: tuple[str, ...]
    split: tuple[tuple[str, tuple[str, ...]], ...]
    search: tuple[str, ...]
    override_local_dns: bool
    adopt: str
    """Digest of a foreign policy that `up` may replace; empty for none."""
    stack: str
    """Name of the stack that writes the policy; empty when unknown."""
    elsewhere: bool
    """Another stack writes the policy and the DNS settings; those planned here are only printed
    for it (`homelab show --policy`)."""


SECTION = "homelab:tailnet: {name: …, client_id: {sops: …}, client_secret: {sops: …}, owners: […]}"
"""The smallest `homelab:tailnet` section, for messages."""
