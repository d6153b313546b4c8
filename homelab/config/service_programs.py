"""Services without a module: a unit of homelab's own, a site of files, a device elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from homelab.config.backup import CustomBackup, ServiceBackup
from homelab.config.base import Name
from homelab.config.databases import (
    Databases,
    DatabasesOf,
)
from homelab.config.oidc import CustomOidc
from homelab.config.service_base import (
    NO_ENTRY,
    NO_EXTENDS,
    ONE_KIND,
    NativeService,
    ServiceConfig,
    other_kinds,
)
from homelab.config.service_parts import (
    External,
)
from homelab.config.static import Static, role_of
from homelab.config.unit import ADMINISTRATORS, Unit


class ExternalService(ServiceConfig):
    """Something that no host of the stack runs: a router, a NAS, a printer. It has a name, a
    certificate, a sign-in, a monitor and a tile.
    """

    called: ClassVar[str] = "an external service"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("external"),
        "service": ONE_KIND,
        **dict.fromkeys(
            (
                *(
                    "accept",
                    "backup",
                    "connects",
                    "schedule",
                    "dashboards",
                    "databases",
                    "extends",
                    "recovery",
                    "datasets",
                    "devices",
                    "gpu",
                    "harden",
                    "host",
                    "ids",
                    "jobs",
                    "limits",
                    "may_control",
                ),
                *("never_publish", "options", "ports", "secrets", "state", "tags", "uses", "vpn"),
            ),
            "leave it out: no host of this stack runs it",
        ),
        "oidc": "leave it out: set its client up at the identity provider",
        "port": "write it below external: port",
    }

    if not TYPE_CHECKING:
        # A class variable takes the place of the field: no host runs it, so these are no keys.
        host: ClassVar = None
        gpu: ClassVar = None
        limits: ClassVar = None
        port: ClassVar = None
        never_publish: ClassVar = None
        backup: ClassVar = ServiceBackup()
        options: ClassVar = MappingProxyType({})
        accept: ClassVar = MappingProxyType({})
        tags: ClassVar = ()
        uses: ClassVar = ()
        state: ClassVar = ()

    external: External

    @model_validator(mode="after")
    def _routes_lead_there(self) -> ExternalService:
        for index, route in enumerate(self.routes or ()):
            for field in ("upstream", "port", "lan_direct", "tailnet_direct"):
                if field in route.model_fields_set:
                    raise ValueError(
                        f"routes[{index}].{field} does not apply to an external service; leave it "
                        "out, and describe the connection below external"
                    )
        return self


class UnitService(NativeService):
    """A service that homelab runs as a systemd unit of its own: a program of a package."""

    called: ClassVar[str] = "a unit"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("unit"),
        **{key: why for key, why in NO_ENTRY.items() if key != "connects"},
    }

    unit: Unit
    extends: Name | None = None
    """Entry of the catalog with the app's facts: audience, sign-in, health check, upload size,
    icon, exceptions of its sandbox, API key and connections. For an app that runs a second time, or
    in another way: `extends: radarr`."""
    connects: list[Name] = Field(default_factory=list)
    """Services that it is connected to, with their API keys, as the entry in `extends` is."""
    databases: DatabasesOf = Databases()
    """Databases that homelab creates for it: `[postgresql, redis]`, or `{postgresql: {host: nas,
    env: {DATABASE_URL: "{url}"}}}`. On its own host a systemd unit connects as its user through a
    socket, without a password; a container, and every service on another host, with a password over
    the network. Those of PostgreSQL and MariaDB (`mysql`) are dumped before each backup of their
    host; Redis is a cache."""
    backup: CustomBackup = CustomBackup()
    oidc: CustomOidc | None = None
    """OIDC settings, for `auth: oidc`."""

    @model_validator(mode="after")
    def _fits_the_rest(self) -> UnitService:
        if self.connects and self.extends is None:
            raise ValueError(
                "only the facts of a service describe connections; add extends: with the entry of "
                "the app, or leave connects out"
            )
        if self.unit.user in ADMINISTRATORS and any(self.databases.items()):
            raise ValueError(
                f"{self.unit.user} administers the databases of the host; leave unit.user out, or "
                "write another one"
            )
        if self.unit.schedule is not None and self.port is not None:
            raise ValueError("with unit.schedule nothing listens between its times; leave port out")
        if self.unit.schedule is not None and self.ports:
            raise ValueError(
                "with unit.schedule nothing listens between its times, and ports would stay open; "
                "leave ports out"
            )
        lost = [role for role in self.unit.writes if role not in self.datasets]
        if lost:
            raise ValueError(
                f"unit.writes names {lost[0]}, which is no role of datasets; add datasets: "
                f"{{{lost[0]}: …}}, or leave it out"
            )
        return self


class StaticService(NativeService):
    """A web site of files, which homelab serves with a small web server on the site's host. The
    files are in a directory, or the host builds them.
    """

    called: ClassVar[str] = "a static site"
    lacks: ClassVar[Mapping[str, str]] = {
        **other_kinds("static"),
        **NO_ENTRY,
        "extends": NO_EXTENDS,
        "databases": "leave it out: files need none",
        "devices": "leave it out: files need none",
        "gpu": "leave it out: files need none",
        "headers": "leave it out: files read no headers",
        "ids": "leave it out: its server writes no files",
        "may_control": "leave it out: files control nothing",
        "oidc": "leave it out, and write auth: forward: files have no sign-in of their own",
        "ports": "leave it out: a site has only its web port",
        "state": "leave it out: write the directory below static",
        "vpn": "leave it out: a server of files calls nobody",
    }

    if not TYPE_CHECKING:
        # A class variable takes the place of the field: files have none of these.
        devices: ClassVar = MappingProxyType({})
        gpu: ClassVar = None
        headers: ClassVar = MappingProxyType({})
        ids: ClassVar = None
        may_control: ClassVar = None
        ports: ClassVar = MappingProxyType({})
        state: ClassVar = ()
        vpn: ClassVar = None

    static: Static

    @model_validator(mode="after")
    def _fits_the_rest(self) -> StaticService:
        build = self.static.build
        if self.port is None or self.port < 1024:
            raise ValueError(
                "a site needs a port of its host, and a port below 1024 only root may open; write "
                "port: 8095"
            )
        used = {role_of(self.static.source)} - {""}
        if unknown := used - set(self.datasets):
            role = min(unknown)
            raise ValueError(
                f"static names {{dataset[{role}]}}, which is no role of datasets; add datasets: "
                f"{{{role}: …}}"
            )
        if lost := sorted(set(self.datasets) - used):
            raise ValueError(
                f"nothing below static uses datasets.{lost[0]}; write its directory as "
                f"{{dataset[{lost[0]}]}}, or leave it out"
            )
        if self.secrets and build is None:
            raise ValueError("only a build reads secrets; leave secrets out, or write static.build")
        if build is not None and build.webhook is not None:
            hook = build.webhook
            signing = self.secrets.get(hook.secret)
            if signing is None or signing.env is not None or hook.secret == build.token:
                raise ValueError(
                    f"static.build.webhook.secret names a file of its own; add secrets: "
                    f"{{{hook.secret}: {{}}}}, without env, and write it at the git server"
                )
            if hook.port < 1024 or hook.port == self.port:
                raise ValueError(
                    "static.build.webhook has a port of its own, above 1023; write port: 9095"
                )
        if build is not None and build.token is not None:
            secret = self.secrets.get(build.token)
            if secret is None or secret.ref is None or secret.env is not None:
                raise ValueError(
                    f"static.build.token names a stored file; add secrets: {{{build.token}: {{ref: "
                    "{sops: …}}}, without env"
                )
        return self
