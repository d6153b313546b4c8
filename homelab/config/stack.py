"""The whole stack config: one object per section, each defined by the package it belongs to."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.backup import BackupConfig
from homelab.config.base import Domain, Email, Model, Name, PublicKey, SecretRef, Str
from homelab.config.cloudflare import CloudflareConfig
from homelab.config.dashboard import DashboardConfig
from homelab.config.deploy import DeployConfig
from homelab.config.hosts import AnyHost, FlakeInput, Pin
from homelab.config.identity import IdentityConfig
from homelab.config.monitoring import MonitoringConfig
from homelab.config.network import NetworkConfig
from homelab.config.secrets import SecretsConfig
from homelab.config.services import AnyService
from homelab.config.storage import DatasetConfig
from homelab.config.tailnet import TailnetConfig
from homelab.config.types import Keymap, TimeZone
from homelab.config.vpn import VpnConfig, VpnName


class Owner(Model):
    """The person who runs the homelab: an account with sudo on every host."""

    user: Name
    """Login name on every host."""
    email: Email
    """Address for certificates and for the owner's own sign-in."""
    ssh_keys: Annotated[list[PublicKey], Field(min_length=1)]
    """OpenSSH public keys that may log in; without one, nobody could."""
    sudo: Literal["passwordless", "password"] = "passwordless"
    """What sudo asks of the owner. passwordless: nothing, for the same keys log in as root anyway;
    password: the one below, which the deployer never has, so that hosts keep `ssh.user: root`."""
    password: SecretRef | None = None
    """Key in each host's sops file of the hash that `mkpasswd` prints: for the console, sudo and
    Cockpit. Without one no account has a password."""

    @model_validator(mode="after")
    def _has_what_sudo_asks(self) -> Owner:
        if self.sudo == "password" and self.password is None:
            raise ValueError(
                "sudo asks for a password, and the owner has none; add password: {sops: …}, or "
                "sudo: passwordless"
            )
        return self


class Member(Model):
    """Somebody who uses the homelab's services."""

    email: Email
    """Who they are to Cloudflare Access. Their account at the gate is in the users' file."""


class Names(Model):
    """How a route's name becomes a host name."""

    internal: Str = "{name}.{domain}"
    """Template of a name on the LAN and the tailnet. Fields: `{name}`, `{domain}`."""
    public: Str = "{name}.{zone}"
    """Template of a name on the internet. Fields: `{name}`, `{zone}`, `{domain}`."""

    @model_validator(mode="after")
    def _fields(self) -> Names:
        for which in ("internal", "public"):
            template: str = getattr(self, which)
            if "*" in template:
                raise ValueError(
                    f"{which} has a *, which cloudflared takes only as a whole first label; write "
                    "{name}, and each route gets its own exact host name"
                )
            try:
                shown = template.format(name="x", domain="d", zone="z")
            except (KeyError, IndexError, ValueError, AttributeError):
                raise ValueError(
                    f"{which} is no template; it may hold {{name}}, {{domain}} and {{zone}} only"
                ) from None
            if not re.fullmatch(r"([a-z0-9.-]|\{[a-z]+\})+", template):
                raise ValueError(
                    f"{which} makes no host names; write {{name}} and the rest of the domain"
                )
            if "{name}" not in template or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", shown):
                raise ValueError(
                    f"{which} makes no host names; write {{name}} and the rest of the domain"
                )
        return self


class LegacyDomain(Model):
    """A domain that internal names had before; every one still leads to where it is now."""

    domain: Domain
    until: (
        Annotated[Str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")] | None
    ) = None
    """Day until when bookmarks may use it, `"2026-12-31"` in quotes; a warning after that."""


class SiteFacts(Model):
    """What is true of the household as a whole."""

    domain: Domain
    """Every internal name hangs off this."""
    names: Names = Names()
    legacy_domains: list[LegacyDomain] = Field(default_factory=list)
    """Domains of before, which redirect to `domain` on plain HTTP."""
    timezone: TimeZone
    """tz database name: `Europe/Oslo`."""
    locale: Annotated[Str, Field(pattern=r"^(C|[a-z]{2,3}_[A-Z]{2})\.UTF-8(@[a-z]+)?$")] = (
        "en_US.UTF-8"
    )
    """Locale of every host."""
    keymap: Keymap = "us"
    """Console keyboard layout of every host."""
    owner: Owner
    members: dict[Name, Member] = Field(default_factory=dict)
    """The people who use it."""
    exposure: Literal["internal-only", "tunnel-only", "mixed"] = "mixed"
    """What `publish` may say: internal-only makes no public record at all, tunnel-only no direct
    one, mixed all three."""
    publish: Literal["internal", "tunnel", "direct"] = "internal"
    """Where a route is published when it does not say so itself."""


class StackConfig(Model):
    """The stack config as a whole."""

    site: SiteFacts
    nixpkgs: dict[Name, Pin]
    """Named nixpkgs pins; a host that names none uses `default`."""
    network: NetworkConfig
    hosts: dict[Name, AnyHost]
    services: dict[Name, AnyService] = Field(default_factory=dict)
    cloudflare: CloudflareConfig | None = None
    tailnet: TailnetConfig | None = None
    vpn: dict[VpnName, VpnConfig] = Field(default_factory=dict)
    """Tunnels that services may leave by, each the name of its interface."""
    identity: IdentityConfig | None = None
    secrets: SecretsConfig = Field(default_factory=SecretsConfig)
    datasets: dict[Name, DatasetConfig] = Field(default_factory=dict)
    backup: BackupConfig = Field(default_factory=BackupConfig)
    monitoring: MonitoringConfig = Field(default_factory=MonitoringConfig)
    dashboard: DashboardConfig = Field(default_factory=DashboardConfig)
    flakes: dict[Name, FlakeInput] = Field(default_factory=dict)
    """Flake inputs that services or modules of the stack need."""
    deploy: DeployConfig = Field(default_factory=DeployConfig)
