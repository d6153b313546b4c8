"""The Cloudflare resources of the plan.

`adopt` is the id of an existing resource that the stack takes over; empty for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homelab.certificates.model import Certificate

OriginRequest = tuple[tuple[str, str | bool], ...]
"""How cloudflared talks to an app: options of a rule's `originRequest`, by name."""


@dataclass(frozen=True)
class Record:
    """One public DNS record of a route."""

    route: str
    name: str
    type: str
    content: str
    """Empty for the tunnel's own host name, which only an apply knows."""
    proxied: bool
    source: str
    adopt: str = ""


@dataclass(frozen=True)
class CaaRecord:
    """One line of who may certify a name and those below it."""

    name: str
    tag: Literal["issue", "iodef"]
    value: str


@dataclass(frozen=True)
class AccessPolicy:
    """A reusable policy: one for each set of people or programs that some name lets pass."""

    key: str
    name: str
    decision: Literal["allow", "non_identity"]
    emails: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    adopt: str = ""

    @property
    def who(self) -> str:
        """Whom it lets pass, in words."""
        groups = ", ".join(f"group {g}" for g in self.groups)
        tokens = ", ".join(f"service token {t}" for t in self.tokens)
        return ", ".join(filter(None, (*self.emails, groups, tokens)))


@dataclass(frozen=True)
class AccessApp:
    """One Access application, in front of one public name."""

    route: str
    name: str
    domain: str
    source: str
    type: Literal["self_hosted", "ssh"] = "self_hosted"
    policies: tuple[str, ...] = ("members",)
    """Keys of its policies, in order."""
    adopt: str = ""


@dataclass(frozen=True)
class Group:
    """People who may pass, by address or by e-mail domain."""

    name: str
    emails: tuple[str, ...]
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Token:
    """An Access service token."""

    name: str
    duration: str
    version: int
    host: str
    """Host that is given it; empty for none."""


@dataclass(frozen=True)
class DnsToken:
    """An API token for DNS-01 on one host, good for one zone."""

    host: str
    name: str
    zone: str
    allow_from: tuple[str, ...] = ()
    until: str = ""
    """Day on which it ends; empty for never."""


@dataclass(frozen=True)
class Ingress:
    """One rule of the tunnel."""

    hostname: str
    service: str
    """What answers, as the tunnel's host dials it: `http://127.0.0.1:8180`."""
    route: str
    origin: OriginRequest = ()


@dataclass(frozen=True)
class PagesSite:
    """A web site that Cloudflare itself serves."""

    key: str
    project: str
    branch: str
    domain: str
    access_groups: tuple[str, ...]
    policies: tuple[str, ...]
    """Keys of the policies of the application in front of it; empty for none."""
    public_reason: str
    source: str


@dataclass(frozen=True)
class Bucket:
    """A bucket of R2, and the keys to it."""

    key: str
    name: str
    location: str


@dataclass(frozen=True)
class CloudflarePlan:
    """Every Cloudflare resource of the stack."""

    account: str
    zone: str
    zone_name: str
    records: tuple[Record, ...]
    caa: tuple[CaaRecord, ...]
    apps: tuple[AccessApp, ...]
    policies: tuple[AccessPolicy, ...]
    groups: tuple[Group, ...]
    service_tokens: tuple[Token, ...]
    one_time_pin: bool
    adopt_one_time_pin: str
    session: str
    tokens: tuple[DnsToken, ...]
    certificates: tuple[Certificate, ...]
    """Those that a token of this account proves."""
    tunnel: str
    """Name of the tunnel; empty for none."""
    tunnel_host: str
    adopt_tunnel: str
    ingress: tuple[Ingress, ...]
    pages: tuple[PagesSite, ...]
    buckets: tuple[Bucket, ...]
    alert_email: str
    """Address for Cloudflare's notifications of outages and expiries; empty for none."""

    def policies_of(self, keys: tuple[str, ...]) -> tuple[AccessPolicy, ...]:
        """Policies by their keys."""
        return tuple(p for p in self.policies if p.key in keys)
