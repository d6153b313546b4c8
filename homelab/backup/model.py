"""Backup jobs in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from homelab.backup.hooks import NO_HOOKS, Hooks
from homelab.config.backup import Keep, Tier
from homelab.config.backup_targets import CHECK_WEEKS, BackupTarget
from homelab.grouping import grouped
from homelab.nix import Script


@dataclass(frozen=True)
class Inside:
    """The database of a container, which a restore fills from a dump."""

    kind: Literal["postgresql", "mysql"]
    database: str
    user: str
    """Its superuser."""
    container: str
    """Its name for Podman."""
    directory: str
    """Directory of the host with all of its files."""


@dataclass(frozen=True)
class DumpCommand:
    """A dump that a command writes."""

    file: str
    """Path of the dump."""
    command: Script
    """Shell command that writes the dump to standard output."""
    mysql: str = ""
    """Database of the host's MySQL that it dumps, or empty."""
    inside: Inside | None = None
    """Database of a container that it dumps and that a restore can load; None for any other."""


@dataclass(frozen=True)
class Copied:
    """Where a job gets the snapshots that it copies."""

    target: str
    """Target whose snapshots are copied."""
    at: str
    """When the copies of a day start; empty if only by hand."""
    max_age_days: int
    """Days after which the last copy is too old."""
    source: str
    """Place in the stack config."""


@dataclass(frozen=True)
class Job:
    """The backup of one service or dataset to one target."""

    name: str
    host: str
    target: str
    repository: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    at: str
    tier: Tier
    keep: Keep
    dumps: tuple[tuple[str, str, str], ...]
    """(sqlite or postgresql, database file or name, path of the dump)."""
    commands: tuple[DumpCommand, ...]
    """Dumps that commands write."""
    live: str
    """Why its files may be copied while they are written, or empty."""
    password: str
    """Path of the repository's password on the host."""
    environment: str
    """Path of an environment file, or empty."""
    ssh_key: str
    """Path of the key for sftp, or empty."""
    server: str
    """Host that holds the repositories and is asked over the network, or empty."""
    mounts: tuple[str, ...]
    """Directories of datasets that must be mounted before it runs."""
    directory: str
    """Directory of this host that holds the repositories and must be mounted, or empty."""
    source: str
    by_hand: tuple[str, ...] = ()
    """Directories in which the app puts its own dumps, which only the app can load."""
    check_weeks: int = CHECK_WEEKS
    """Weeks in which the weekly checks of its repository read all data once; 0 for none."""
    hooks: Hooks = NO_HOOKS
    """Commands before and after it."""
    holds: tuple[str, ...] = ()
    """Other jobs of its host, of services that write its data: their commands enclose it, too."""
    copied: Copied | None = None
    """From where it copies snapshots, if it makes none itself."""
    keeps_all: bool = False
    """Whether its host cannot delete its snapshots, so the holder of the repositories does."""
    adopted: bool = False
    """Whether its repository is one from before, which may have snapshots of something else."""
    place: str = ""
    """Place of the repositories of its host at the target."""
    rclone_config: str = ""
    """Path of `rclone.conf`, or empty."""
    stated_at: bool = False
    """Whether the stack config says when it starts."""
    upload_kib: int | None = None
    """Most KiB that it sends in one second; None for no limit."""
    units: tuple[str, ...] = ()
    """systemd units that use the data, with their suffix. A restore stops and starts them."""
    callers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Other hosts with units that use the data over the network, with their suffix. A restore in
    place stops and starts them, too."""
    arrives_from: str = ""
    """Host from which `homelab move` brings the data; its units wait for that. Empty for none."""

    @property
    def unit(self) -> str:
        """Its name under `services.restic.backups`."""
        return f"{self.name}-{self.target}"

    @property
    def starts(self) -> str:
        """When it starts, for a reader."""
        if self.copied is None:
            return self.at
        return f"{self.copied.at or 'by hand'}, copied from {self.copied.target}"

    @property
    def sqlite(self) -> tuple[str, ...]:
        """Files of the SQLite databases that it dumps."""
        return tuple(file for kind, file, _ in self.dumps if kind == "sqlite")

    @property
    def postgresql(self) -> tuple[str, ...]:
        """PostgreSQL databases of the host that it dumps."""
        return tuple(database for kind, database, _ in self.dumps if kind == "postgresql")

    @property
    def mysql(self) -> tuple[str, ...]:
        """MySQL databases of the host that it dumps."""
        return tuple(command.mysql for command in self.commands if command.mysql)


@dataclass(frozen=True)
class BackupPlan:
    """Every job, and what is not backed up, with the reason."""

    jobs: tuple[Job, ...]
    skipped: tuple[tuple[str, str], ...]
    """(service, reason); the service is `name@host` if several hosts run it."""
    databases: tuple[tuple[str, tuple[str, ...]], ...]
    """PostgreSQL databases to dump, by host."""
    dump_at: str

    def on(self, host: str) -> tuple[Job, ...]:
        """The jobs of one host."""
        return self._on.get(host, ())

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The hosts with a job."""
        return frozenset(self._on)

    @cached_property
    def _on(self) -> Mapping[str, tuple[Job, ...]]:
        return grouped(self.jobs, lambda j: j.host)

    def databases_on(self, host: str) -> tuple[str, ...]:
        """PostgreSQL databases that this host dumps."""
        return self._databases.get(host, ())

    @cached_property
    def _databases(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.databases)


def target_unit(target: str) -> str:
    """The unit that makes the directories of a target for other hosts, without its suffix."""
    return f"backup-target-{target}"


def place_of(target: BackupTarget) -> str:
    """The place of a target's repositories, without the target's name."""
    where = target.bucket or target.host or ""
    return f"{target.kind}:{where}:{target.path.rstrip('/')}"
