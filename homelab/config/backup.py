"""`homelab:backup`, and what a service says of its own backup and dumps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Reason, SecretRef, Str, Time
from homelab.config.types import FilePattern, Repository

Tier = Literal["service", "user", "irreplaceable", "re-derivable"]
"""How much a loss would hurt, from re-derivable (nothing) to irreplaceable (for ever)."""


class Keep(Model):
    """How many snapshots stay."""

    daily: Annotated[int, Field(ge=0)] = 7
    weekly: Annotated[int, Field(ge=0)] = 4
    monthly: Annotated[int, Field(ge=0)] = 12
    yearly: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _something(self) -> Keep:
        if not (self.daily or self.weekly or self.monthly or self.yearly):
            raise ValueError("every number is 0, so nothing would be kept; raise one of them")
        return self


KEEP: dict[Tier, Keep] = {
    "service": Keep(),
    "user": Keep(daily=14),
    "irreplaceable": Keep(daily=14, weekly=8, yearly=5),
}
"""What stays where the stack config does not say."""


class BackupTarget(Model):
    """Where backups go."""

    kind: Literal["local", "sftp", "b2", "s3", "rest"]
    host: Name | None = None
    """Host that holds the repository (local, sftp)."""
    path: Repository
    """Directory on the host, or bucket and path: `bucket/restic`; in a `bucket`, the path alone."""
    bucket: Name | None = None
    """One of cloudflare.buckets (s3), whose address and keys are known."""
    user: Name = "restic"
    """How the logins at the host begin (sftp): each client has one of its own, `restic-pi`, with a
    key that is derived for it, and sees its own repositories alone."""
    credentials: SecretRef | None = None
    """Environment file of the store's keys (b2, s3, rest)."""

    @model_validator(mode="before")
    @classmethod
    def _no_keys(cls, value: object) -> object:
        if isinstance(value, dict) and "keys" in value:
            raise ValueError("keys are made for each client now; leave keys and credentials out")
        return value

    @model_validator(mode="after")
    def _fields(self) -> BackupTarget:
        if self.kind in ("local", "sftp"):
            if self.host is None:
                raise ValueError(f"a {self.kind} target names the host that holds it; add host:")
            if not self.path.startswith("/"):
                raise ValueError("the path on the host is absolute; start it with /")
        if self.bucket is not None:
            if self.kind != "s3":
                raise ValueError(f"bucket is for a target of kind s3; this one is {self.kind}")
            if self.credentials is not None:
                raise ValueError("the keys of a bucket are made for it; leave credentials out")
        elif self.kind in ("b2", "s3") and self.credentials is None:
            raise ValueError(
                f"a {self.kind} target has no credentials; add credentials: {{sops: restic/…}}"
            )
        if self.kind in ("local", "sftp") and self.credentials is not None:
            what = "each client has a key that is derived for it" if self.kind == "sftp" else "none"
            raise ValueError(f"a {self.kind} target has no credentials ({what}); leave it out")
        if self.user == "root":
            raise ValueError("backups do not log in as root; leave user out, or name another")
        return self


class BackupConfig(Model):
    """`homelab:backup`."""

    targets: dict[Name, BackupTarget] = Field(default_factory=dict)
    at: Time = "04:30"
    """When backups start, local time."""
    dump_at: Time = "03:30"
    """When databases are dumped; earlier than `at`."""
    tiers: dict[Tier, Keep] = Field(default_factory=lambda: dict(KEEP))
    """How long snapshots of each tier stay."""


class ServiceBackup(Model):
    """A service's part: what is kept of it, or why nothing is."""

    include: list[AbsolutePath] | None = None
    """Directories; the catalog's state directories when empty."""
    exclude: list[FilePattern] = Field(default_factory=list)
    targets: list[Name] | None = None
    """Which targets; all of them when empty."""
    tier: Tier = "service"
    skip: Reason | None = None
    """Why nothing is kept."""

    @model_validator(mode="after")
    def _one(self) -> ServiceBackup:
        if self.skip is not None and self.include is not None:
            raise ValueError("include and skip exclude each other; keep one")
        return self


Database = Annotated[Str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
"""Name of a database or of its user."""


class DumpConfig(Model):
    """What makes a copy of a database that is whole. Of a container's it runs inside."""

    sqlite: AbsolutePath | None = None
    """A database file on the host."""
    postgresql: Database | None = None
    """A database of PostgreSQL: of the host, or of this container."""
    mysql: Database | None = None
    """A database of MariaDB or MySQL: of the host, or of this container."""
    command: Annotated[list[Str], Field(min_length=1)] | None = None
    """A program and its arguments, which writes a dump to its standard output."""
    user: Database | None = None
    """Who asks a container's database; `postgres` or `root` when empty."""

    @model_validator(mode="after")
    def _one(self) -> DumpConfig:
        said = [k for k in ("sqlite", "postgresql", "mysql", "command") if getattr(self, k)]
        if len(said) != 1:
            raise ValueError("a dump is of one kind; write sqlite, postgresql, mysql or command")
        if self.user is not None and said[0] in ("sqlite", "command"):
            raise ValueError(f"{said[0]} asks as nobody; leave user out")
        return self


def _listed(value: object) -> object:
    return [value] if isinstance(value, Mapping | DumpConfig) else value


class CustomBackup(ServiceBackup):
    """A part of a service that the stack config alone describes, its databases too."""

    dump: Annotated[
        list[DumpConfig],
        BeforeValidator(_listed, json_schema_input_type=DumpConfig | list[DumpConfig]),
    ] = Field(default_factory=list)
    """Databases to dump before they are backed up: `{postgresql: wiki}`, or a list of them."""
    live: Reason | None = None
    """Why a copy of its files is good, although it writes them meanwhile."""

    @model_validator(mode="after")
    def _kept(self) -> CustomBackup:
        if self.skip is not None and (self.dump or self.live):
            raise ValueError("skip keeps nothing; leave dump and live out")
        if self.dump and self.live:
            raise ValueError("a dump is no live copy; keep dump or live")
        return self
