"""`homelab:backup`, and a service's `backup` settings with its database dumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.backup_targets import BackupTarget, Offload
from homelab.config.base import AbsolutePath, Model, Name, Reason, Str, Time, alone
from homelab.config.types import FilePattern

Tier = Literal["service", "user", "irreplaceable", "re-derivable"]
"""How much the data is worth, from re-derivable (can be created again) to irreplaceable."""


class Keep(Model):
    """How many snapshots to keep, besides every one of the last two days."""

    daily: Annotated[int, Field(ge=0)] = 7
    weekly: Annotated[int, Field(ge=0)] = 4
    monthly: Annotated[int, Field(ge=0)] = 12
    yearly: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _not_empty(self) -> Keep:
        if not (self.daily or self.weekly or self.monthly or self.yearly):
            raise ValueError("every number is 0, so no snapshot would be kept; raise one of them")
        return self


KEEP: dict[Tier, Keep] = {
    "service": Keep(),
    "user": Keep(daily=14),
    "irreplaceable": Keep(daily=14, weekly=8, yearly=5),
}
"""Retention of a tier that the stack config does not set."""


class BackupProof(Model):
    """How often backups are proven, and when they are too old."""

    max_age_days: Annotated[int, Field(ge=1, le=365)] = 3
    """Days after which the last good backup of a job is too old. An alert and `homelab status` say
    which."""
    drill_days: Annotated[int, Field(ge=0, le=365)] = 30
    """Days between two drills of a job: its newest snapshot is restored into an empty directory,
    and its dumps are opened. 0: no drills."""
    drill_megabytes: Annotated[int, Field(ge=1, le=10_000_000)] = 1024
    """Megabytes above which a drill restores the dumps and random files of a snapshot up to that
    size, instead of all of it."""


Words = Annotated[list[Str], Field(min_length=1)]
"""A program with its arguments."""


def _commands(value: object) -> object:
    is_one = isinstance(value, list) and not any(isinstance(word, list) for word in value)
    return [value] if value and is_one else value


Commands = Annotated[
    list[Words], BeforeValidator(_commands, json_schema_input_type=Words | list[Words])
]
"""One command or several, each a list of words."""


class JobSettings(Model):
    """Settings of every job that the stack config describes."""

    exclude: list[FilePattern] = Field(default_factory=list)
    """Files and directories to leave out, with `*` and `?`: `/var/lib/app/cache`."""
    targets: list[Name] | None = None
    """Backup targets, at least one. Default: all of them."""
    tier: Tier = "service"
    """How long snapshots are kept. For `re-derivable` data of a service, write `skip` instead."""
    at: Time | None = None
    """Local time at which it starts: `"02:15"`. Default: a time of its own in the
    `backup.spread_minutes` after `backup.at`."""
    before: Commands = Field(default_factory=list)
    """Command that the host runs as root before the dumps and the backup, or a list of commands:
    `[systemctl, stop, wiki.service]`, `[podman, exec, wiki, maintenance, "on"]`. If one fails,
    nothing is backed up."""
    after: Commands = Field(default_factory=list)
    """Command that ends what `before` began, or a list of commands. It also runs if `before`, a
    dump or the backup failed, and after a power cut."""
    no_after: Reason | None = None
    """Reason why nothing has to end what `before` began."""


class ServiceBackup(JobSettings):
    """What is backed up of a service, or the reason why nothing is."""

    include: list[AbsolutePath] | None = None
    """Directories to back up instead of the state directories. Default: the state directories."""
    no_maintenance: Reason | None = None
    """Reason why people can use it during its backup. Default: a service whose maintenance mode
    homelab knows, such as Nextcloud, is in that mode until its files are saved."""
    skip: Reason | None = None
    """Reason why the service is not backed up."""

    @model_validator(mode="after")
    def _one(self) -> ServiceBackup:
        if self.skip is not None and self.include is not None:
            raise ValueError("include and skip exclude each other; keep one")
        # backup-exclude reports `exclude`.
        alone(
            self,
            "skip",
            ("targets", "tier", "at", "before", "after", "no_after", "no_maintenance"),
        )
        if self.targets == []:
            raise ValueError(
                "targets is empty, so nothing would be backed up; leave targets out for all of "
                "them, or write skip: why nothing is backed up"
            )
        if self.tier == "re-derivable":
            raise ValueError(
                "re-derivable data is not backed up; write skip: how it is created again, and "
                "leave tier out"
            )
        return self


class ExtraBackup(JobSettings):
    """Paths of a host to back up that belong to no service and no dataset."""

    host: Name
    paths: Annotated[list[AbsolutePath], Field(min_length=1)]
    """Files and directories."""

    @model_validator(mode="after")
    def _kept(self) -> ExtraBackup:
        if self.targets == []:
            raise ValueError(
                "targets is empty, so nothing would be backed up; leave targets out for all of them"
            )
        if self.tier == "re-derivable":
            raise ValueError("re-derivable data is not backed up; leave tier out, or the whole job")
        return self


class BackupConfig(Model):
    """`homelab:backup`."""

    targets: dict[Name, BackupTarget] = Field(default_factory=dict)
    exclude: list[FilePattern] = Field(default_factory=list)
    """Files and directories that no job backs up, with `*` and `?`, and `**` for any directories:
    `/**/node_modules`, `/home/*/.cache`."""
    extra: dict[Name, ExtraBackup] = Field(default_factory=dict)
    """Paths that belong to no service and no dataset, by name: `{mail: {host: pi, paths:
    [/var/mail]}}`."""
    offload: dict[Name, Offload] = Field(default_factory=dict)
    """Copies of one target on another, by name: `{shelf: {from: b2, to: usb}}`. Every host copies
    its own repositories."""
    at: Time = "04:30"
    """Local time after which backups start."""
    spread_minutes: Annotated[int, Field(ge=0, le=720)] = 90
    """Minutes after `at` in which the jobs start, each at a time of its own that follows from its
    name. 0: all start at `at`."""
    dump_at: Time = "03:30"
    """Local time at which databases are dumped. Must be earlier than `at`."""
    on_battery: bool = False
    """Whether hosts with `always_on: false` back up on battery too. Default: a job that is due on
    battery starts when mains power is back."""
    proof: BackupProof = Field(default_factory=BackupProof)
    """Checks of the repositories, trial restores, and the age of the newest backup."""
    tiers: dict[Tier, Keep] = Field(default_factory=lambda: dict(KEEP))
    """Retention of each tier that is backed up: service, user and irreplaceable."""

    @model_validator(mode="after")
    def _kept(self) -> BackupConfig:
        if "re-derivable" in self.tiers:
            raise ValueError(
                "what is re-derivable is not backed up, so its tier has no retention; leave "
                "tiers.re-derivable out"
            )
        return self


Database = Annotated[Str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
"""Name of a database or of its user."""


class DumpConfig(Model):
    """A consistent dump of one database. For a container, the dump runs inside the container."""

    sqlite: AbsolutePath | None = None
    """A database file on the host."""
    postgresql: Database | None = None
    """Name of a PostgreSQL database, on the host or in this container."""
    mysql: Database | None = None
    """Name of a MariaDB or MySQL database, on the host or in this container."""
    command: Annotated[list[Str], Field(min_length=1)] | None = None
    """A program with its arguments that writes a dump to standard output."""
    user: Database | None = None
    """Database user in a container. Default: POSTGRES_USER of its `environment`, otherwise
    `postgres`; `root` for MariaDB and MySQL."""

    @model_validator(mode="after")
    def _one(self) -> DumpConfig:
        kinds = [k for k in ("sqlite", "postgresql", "mysql", "command") if getattr(self, k)]
        if len(kinds) != 1:
            raise ValueError(
                "a dump has one kind; write one of sqlite, postgresql, mysql and command"
            )
        if self.user is not None and kinds[0] in ("sqlite", "command"):
            raise ValueError(f"{kinds[0]} has no database user; leave user out")
        return self


def _listed(value: object) -> object:
    return [value] if isinstance(value, Mapping | DumpConfig) else value


class CustomBackup(ServiceBackup):
    """Backup of a service that only the stack config describes, with its databases."""

    dump: Annotated[
        Sequence[DumpConfig],
        BeforeValidator(_listed, json_schema_input_type=DumpConfig | list[DumpConfig]),
    ] = Field(default_factory=list)
    """Databases to dump before they are backed up: `{postgresql: wiki}`, or a list of them."""
    live: Reason | None = None
    """Reason why copying its files while it runs gives a usable backup."""

    @model_validator(mode="after")
    def _kept(self) -> CustomBackup:
        if self.skip is not None and (self.dump or self.live):
            raise ValueError("skip backs up nothing; leave dump and live out")
        if self.dump and self.live:
            raise ValueError("dump and live exclude each other; keep one")
        return self
