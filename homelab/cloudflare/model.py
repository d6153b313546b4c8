"""Cloudflare: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from homelab.model import Domain, Email, Model, Name, SecretRef, Str

TUNNEL_CREDENTIALS = ("cloudflared", "credentials")
"""Service and name of the secret that holds the tunnel's credentials file."""
ACME_TOKEN = ("acme", "cloudflare")
"""Service and name of the secret that holds the DNS-01 token."""


def tunnel_name(domain: str) -> str:
    """The tunnel's name at Cloudflare, in its NixOS option and in its unit."""
    return domain.replace(".", "-")


HexId = Annotated[Str, Field(pattern=r"^[0-9a-f]{32}$")]


class Zone(Model):
    """The zone that public names lie in."""

    name: Domain
    id: HexId
    """Zone id, 32 hex digits, from the zone's overview page."""


class TunnelConfig(Model):
    """The connector between Cloudflare and a host."""

    host: Name
    """Host that runs cloudflared; the entry host, unless said."""


class AccessConfig(Model):
    """Cloudflare Access in front of tunnelled names."""

    session: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[mh]$")] = "24h"
    """How long a sign-in at the edge lasts."""
    emails: list[Email] = Field(default_factory=list)
    """Addresses that may pass beside the owner and the members."""


class CloudflareConfig(Model):
    """`homelab:cloudflare`."""

    account: HexId
    """Account id, 32 hex digits."""
    zone: Zone
    token: SecretRef
    """API token of the deployer."""
    tunnel: TunnelConfig | None = None
    """The tunnel that routes with `publish: tunnel` go through."""
    access: AccessConfig = AccessConfig()
    advanced_certificates: bool = False
    """The zone has certificates for names two labels below it."""


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


@dataclass(frozen=True)
class AccessApp:
    """One Access application, in front of one public name."""

    route: str
    name: str
    domain: str
    source: str


@dataclass(frozen=True)
class DnsToken:
    """An API token for DNS-01 on one host, good for one zone."""

    host: str
    name: str
    zone: str


@dataclass(frozen=True)
class Certificate:
    """One wildcard certificate, proven by DNS-01 from the host that serves it."""

    host: str
    domain: str
    """Domain whose names one label below it the certificate covers."""


@dataclass(frozen=True)
class Ingress:
    """One rule of the tunnel."""

    hostname: str
    service: str
    """What answers, as the tunnel's host dials it: `http://127.0.0.1:8180`."""
    route: str
    host_header: str
    """Host header for the app, where it insists on one of its own."""


@dataclass(frozen=True)
class CloudflarePlan:
    """Everything that Cloudflare is asked for."""

    account: str
    zone: str
    zone_name: str
    records: tuple[Record, ...]
    apps: tuple[AccessApp, ...]
    emails: tuple[str, ...]
    session: str
    tokens: tuple[DnsToken, ...]
    certificates: tuple[Certificate, ...]
    tunnel: str
    """Name of the tunnel; empty for none."""
    tunnel_host: str
    ingress: tuple[Ingress, ...]
    alert_email: str
    """Who hears of a tunnel that went down; empty for nobody."""
