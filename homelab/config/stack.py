"""The whole stack config: one object per section, each defined by the package it belongs to."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.backup import BackupConfig
from homelab.config.base import Domain, Model, Name, Str
from homelab.config.cloudflare import CloudflareConfig
from homelab.config.dashboard import DashboardConfig
from homelab.config.deploy import DeployConfig
from homelab.config.dev import DevConfig
from homelab.config.facts import OwnFacts
from homelab.config.families import Ai, HomeAutomation, Media
from homelab.config.homes import HomeConfig
from homelab.config.hosts import AnyHost
from homelab.config.identity import IdentityConfig
from homelab.config.mail import MailConfig
from homelab.config.monitoring import MonitoringConfig
from homelab.config.network import NetworkConfig
from homelab.config.people import Member, Owner
from homelab.config.pins import FlakeInput, Pin
from homelab.config.policy import PolicyConfig
from homelab.config.secrets import SecretsConfig
from homelab.config.services import AnyService
from homelab.config.storage import DatasetConfig
from homelab.config.tailnet import TailnetConfig
from homelab.config.types import Keymap, Locale, TimeZone
from homelab.config.vpn import VpnConfig, VpnName


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
                    f"{which} has a *, which cloudflared accepts only as a whole first label; "
                    "write {name}, and each route gets its own exact host name"
                )
            try:
                shown = template.format(name="x", domain="d", zone="z")
            except (KeyError, IndexError, ValueError, AttributeError):
                raise ValueError(
                    f"{which} is not a valid template; use only {{name}}, {{domain}} and {{zone}}"
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
    """A former domain of internal names. Its names redirect to the current ones."""

    domain: Domain
    until: (
        Annotated[Str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")] | None
    ) = None
    """Day until which old bookmarks work, `"2026-12-31"` in quotes; a check warns after it."""


class SiteFacts(Model):
    """Settings of the homelab as a whole."""

    domain: Domain
    """Domain of all internal names."""
    names: Names = Names()
    legacy_domains: list[LegacyDomain] = Field(default_factory=list)
    """Former domains. Their names redirect to `domain`, on plain HTTP."""
    timezone: TimeZone
    """tz database name: `Europe/Oslo`."""
    locale: Locale = "en_US.UTF-8"
    """Locale of every host without its own."""
    keymap: Keymap = "us"
    """Console keyboard layout of every host without its own."""
    owner: Owner
    members: dict[Name, Member] = Field(default_factory=dict)
    """People who use the homelab, besides the owner."""
    mutable_users: bool | None = None
    """Whether `useradd` and `passwd` may change the accounts of a host. false: a host has only the
    accounts, and only the passwords, of its configuration. Default: false on hosts where the stack
    sets a password, which would otherwise not apply to an existing account; true elsewhere."""

    @model_validator(mode="after")
    def _passwords_apply(self) -> SiteFacts:
        accounts = [m.account for m in self.members.values() if m.account is not None]
        if self.mutable_users and (self.owner.password or any(a.password for a in accounts)):
            raise ValueError(
                "with mutable_users: true, a password of the stack does not apply to an existing "
                "account; leave mutable_users out"
            )
        return self

    exposure: Literal["internal-only", "tunnel-only", "mixed"] = "mixed"
    """Values of `publish` that are allowed. internal-only: no public DNS records; tunnel-only: no
    direct ones; mixed: all three values."""
    publish: Literal["internal", "tunnel", "direct"] = "internal"
    """Default of `publish` for routes."""


class StackConfig(Model):
    """The stack config as a whole."""

    site: SiteFacts
    nixpkgs: dict[Name, Pin]
    """nixpkgs pins by name. A host without `nixpkgs` uses `default`."""
    network: NetworkConfig
    hosts: dict[Name, AnyHost]
    homes: dict[Name, HomeConfig] = Field(default_factory=dict)
    """The homes of the owner and of members, by user name: shell, editors and Git, written by
    home-manager."""
    services: dict[Name, AnyService] = Field(default_factory=dict)
    catalog: dict[Name, OwnFacts] = Field(default_factory=dict)
    """Facts of services by name, in addition to the catalog. Each may also be in a file of its own,
    `services/NAME.yaml` beside the stack file."""
    media: Media | None = None
    ai: Ai | None = None
    home_automation: HomeAutomation | None = None
    cloudflare: CloudflareConfig | None = None
    tailnet: TailnetConfig | None = None
    vpn: dict[VpnName, VpnConfig] = Field(default_factory=dict)
    """WireGuard tunnels of VPN providers, by interface name."""
    identity: IdentityConfig | None = None
    secrets: SecretsConfig = Field(default_factory=SecretsConfig)
    datasets: dict[Name, DatasetConfig] = Field(default_factory=dict)
    backup: BackupConfig = Field(default_factory=BackupConfig)
    monitoring: MonitoringConfig = Field(default_factory=MonitoringConfig)
    mail: MailConfig | None = None
    dashboard: DashboardConfig = Field(default_factory=DashboardConfig)
    flakes: dict[Name, FlakeInput] = Field(default_factory=dict)
    """Flake inputs that services or modules need."""
    deploy: DeployConfig = Field(default_factory=DeployConfig)
    policy: PolicyConfig = Field(default_factory=PolicyConfig)
    dev: DevConfig = Field(default_factory=DevConfig)
