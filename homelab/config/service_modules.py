"""Services with a NixOS module: of the catalog, of nixpkgs, or of a flake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from homelab.config.backup import CustomBackup
from homelab.config.base import Name
from homelab.config.databases import (
    CatalogDatabases,
    CatalogDatabasesOf,
    Databases,
    DatabasesOf,
)
from homelab.config.facts import OwnFacts
from homelab.config.oidc import CustomOidc, StatedClient
from homelab.config.service_base import NO_ENTRY, NO_EXTENDS, ONE_KIND, NativeService, other_kinds
from homelab.config.service_parts import (
    Dashboard,
    Flake,
    Job,
    RateWindow,
)


class DescribedService(NativeService):
    """Further settings of a service that has facts, in the catalog or in the stack."""

    connects: list[Name] = Field(default_factory=list)
    """Services that it is connected to, with their API keys: `services.sonarr.connects: [sabnzbd]`
    enters SABnzbd as a download client. Implies `uses`."""
    jobs: dict[Name, Job] = Field(default_factory=dict)
    """Jobs of its facts that its host runs, by name: `{generate-previews: {schedule: "03:30"}}`."""
    schedule: list[RateWindow] = Field(default_factory=list)
    """Download and upload rates by the time of day, for a service whose facts have `rates`. The
    windows cover the whole day."""
    dashboards: list[Dashboard] = Field(default_factory=list)
    """Dashboards of grafana.com that Grafana has from its first start, with the data sources of the
    stack: `[{id: 1860, revision: 37, hash: sha256-…}]`."""
    recovery: bool = False
    """Show its own sign-in again, which is off behind the auth proxy. Write it to get in when the
    auth proxy lets nobody in, and leave it out afterwards."""


class CatalogService(DescribedService):
    """A service of the catalog. Settings that are not written follow from its entry."""

    called: ClassVar[str] = "a service of the catalog"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds(),
        "extends": "leave it out, and write service: with the entry of the catalog",
    }

    service: Name | None = None
    """Catalog entry. Default: the service's key in `services`."""
    databases: CatalogDatabasesOf = CatalogDatabases()
    """Another host that has its database: `{postgresql: {host: nas}}`. homelab creates the database
    there, with a role, a password and dumps, and opens the port to the host of the service.
    Default: the database is on its own host."""
    oidc: StatedClient | None = None
    """Its client at an external identity provider. The catalog has its other OIDC settings."""


class ModuleService(DescribedService):
    """A service with a NixOS module of nixpkgs, described only here."""

    called: ClassVar[str] = "a service of a module"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("module"),
        "extends": "write it below module: extends",
        "service": ONE_KIND,
    }

    module: OwnFacts
    """Facts of the service, with the same keys as an entry of the catalog."""
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    oidc: StatedClient | None = None
    """Its client at an external identity provider. Its other OIDC settings are below `module`:
    `sign_in: {kinds: [oidc], oidc: {redirects: […]}}`."""
    backup: CustomBackup = CustomBackup()


class FlakeService(NativeService):
    """A service with a NixOS module from a flake, described only here."""

    called: ClassVar[str] = "a service of a flake"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("flake"),
        **NO_ENTRY,
        "extends": NO_EXTENDS,
    }

    flake: Flake
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """OIDC settings, for `auth: oidc`."""
