"""What is backed up, to which targets, and which databases are dumped first.

Every job has its own repository, `<target>/<host>/<job>`: restic locks a repository while it
prunes, so two jobs in one repository would make each other fail.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from homelab.backup.dumps import commands_of, covered, live_files, mysql_dump
from homelab.backup.hooks import NO_HOOKS, Hooks, hooks_of
from homelab.backup.jobs import Dump, Work, job_of
from homelab.backup.model import BackupPlan, Copied, Job
from homelab.backup.times import start_of
from homelab.config.backup import CustomBackup, Tier
from homelab.config.backup_targets import BackupTarget
from homelab.config.stack import StackConfig
from homelab.config.storage import DatasetConfig
from homelab.databases.model import Database
from homelab.grouping import grouped
from homelab.services.kept_state import elsewhere
from homelab.services.model import Service
from homelab.storage.model import Dataset, is_syncthing
from homelab.system.model import Host

SQLITE_DUMPS = "/var/backup/sqlite"
POSTGRESQL_DUMPS = "/var/backup/postgresql"
"""Directory of the dumps of `services.postgresqlBackup`, compressed with gzip."""
KEPT_TIERS: tuple[Tier, ...] = ("service", "user", "irreplaceable")
"""Datasets of these tiers are backed up."""


def plan_backup(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    datasets: tuple[Dataset, ...],
) -> BackupPlan:
    """One job for each service or dataset to back up, and for each target that its host reaches."""
    everywhere = stack.backup.exclude
    works = [
        replace(
            work,
            exclude=_unique(
                (
                    *(*work.exclude, *everywhere),
                    *(*_again(work, datasets), *_snapshots(work, datasets)),
                )
            ),
        )
        for work in (
            *_services(stack, services),
            *_databases(stack, services),
            *_datasets(stack, datasets, services),
            *_extra(stack),
        )
    ]
    jobs = [
        job_of(stack, hosts, work, target, stack.backup.targets[target])
        for work in works
        for target in work.targets
        if reaches(work.host, stack.backup.targets.get(target), hosts)
    ]
    jobs += [job for work in works for job in _copies(stack, hosts, work)]
    dumped: dict[str, set[str]] = {}
    for work in works:
        for kind, database, _ in work.dumps:
            if kind == "postgresql":
                dumped.setdefault(work.host, set()).add(database)
    return BackupPlan(
        jobs=tuple(sorted(jobs, key=lambda j: (j.host, j.name, j.target))),
        skipped=tuple(sorted(_skipped(stack, services))),
        databases=tuple((host, tuple(sorted(names))) for host, names in sorted(dumped.items())),
        dump_at=stack.backup.dump_at,
    )


def skip_reason(service: Service) -> str:
    """Why a service is not backed up; empty if it is.

    The stack config takes precedence: with `include`, a stateless service is backed up too.
    """
    backup = service.config.backup
    if backup.skip is not None:
        return backup.skip
    if service.role == "agent" and service.entry.infrastructure:
        return "its host has role agent, and it can join again"
    if service.entry.infrastructure and not service.is_backed_up:
        return "homelab does not manage backups of its host"
    return "" if backup.include is not None else service.entry.stateless


def is_settled(service: Service) -> bool:
    """Whether the stack says what to back up of a service: files, dumps, or a database that is
    dumped on another host.
    """
    kept = paths_of(service) or dumps_of(service) or commands_of(service)
    return bool(kept or databases_away(service))


def databases_away(service: Service) -> tuple[str, ...]:
    """Hosts of the databases of a service that are dumped on another host than its own."""
    away = (d.host for d in service.databases if d.is_remote and d.kind != "redis")
    return _unique(away) if service.config.backup.skip is None else ()


def paths_of(service: Service) -> tuple[str, ...]:
    """Directories of a service that are backed up, without its dumps."""
    include = service.config.backup.include
    return tuple(include) if include is not None else service.state


def dumps_of(service: Service) -> tuple[Dump, ...]:
    """Dumps of a running service. Dumps that the app makes itself are in its state."""
    out: list[Dump] = []
    databases = {dump.source for dump in service.entry.dumps if dump.kind == "sqlite"}
    for dump in service.entry.dumps:
        if dump.kind == "sqlite":
            file = _sqlite_file(dump.source, databases)
            out.append((dump.kind, dump.source, f"{SQLITE_DUMPS}/{service.name}/{file}"))
        elif dump.kind == "postgresql":
            out.append((dump.kind, dump.source, f"{POSTGRESQL_DUMPS}/{dump.source}.sql.gz"))
    return tuple(out)


def _sqlite_file(database: str, others: Iterable[str]) -> str:
    """File name of a dump, as in backup-dumps.nix: two databases of one name need two files."""
    name = database.rpartition("/")[2]
    if sum(other.rpartition("/")[2] == name for other in others) == 1:
        return name
    return f"{name}-{hashlib.sha256(database.encode()).hexdigest()[:8]}"


def every_path(service: Service) -> tuple[str, ...]:
    """All paths that a job of a service backs up: directories and files of dumps."""
    files = (*(f for *_, f in dumps_of(service)), *(c.file for c in commands_of(service)))
    return _unique((*paths_of(service), *files))


def not_kept(source: str) -> str:
    """The setting that stops the backup of a service or dataset, for a message."""
    why = '"why nothing is backed up"'
    return f"{source}: {{skip: {why}}}" if source.endswith(".backup") else f"{source}.backup: {why}"


def reaches(host: str, target: BackupTarget | None, hosts: Mapping[str, Host]) -> bool:
    """Whether a host can write to a target. Only its own host can write to a local one."""
    if target is None or host not in hosts:
        return False
    if target.kind == "local":
        return target.host == host
    return target.host is None or target.host in hosts


MANUAL_DAYS = 35
"""Days after which a copy that is made by hand is too old."""


def _copies(stack: StackConfig, hosts: Mapping[str, Host], work: Work) -> Iterator[Job]:
    """Copies of a work's repositories on other targets."""
    targets = stack.backup.targets
    for name, offload in sorted(stack.backup.offload.items()):
        ends = (offload.source, offload.to)
        if offload.source not in work.targets or offload.to in work.targets:
            continue
        if not all(reaches(work.host, targets.get(end), hosts) for end in ends):
            continue
        usual = stack.backup.proof.max_age_days if offload.at else MANUAL_DAYS
        copied = Copied(
            target=offload.source,
            at=offload.at or "",
            max_age_days=offload.max_age_days or usual,
            source=f"backup.offload.{name}",
        )
        job = job_of(stack, hosts, work, offload.to, targets[offload.to])
        yield replace(job, copied=copied)


def _services(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Work]:
    for service in services:
        paths, dumps, commands = paths_of(service), dumps_of(service), commands_of(service)
        if skip_reason(service) or not (paths or dumps or commands):
            continue
        backup = service.config.backup
        live = [f for kind, db, _ in dumps if kind == "sqlite" for f in live_files(db)]
        replaced = covered(service)
        yield Work(
            name=service.name,
            host=service.host,
            # A snapshot lacks a path that is excluded as a whole, and a restore asks for each.
            paths=tuple(p for p in every_path(service) if p not in replaced),
            # A copy of a database in use may be inconsistent. Its dump can be restored.
            exclude=_unique((*service.entry.exclude, *backup.exclude, *live, *replaced)),
            dumps=dumps,
            commands=commands,
            live=(backup.live or "") if isinstance(backup, CustomBackup) else "",
            # An empty mount point is no state: the job fails in place of keeping it.
            mounts=elsewhere(service),
            tier=backup.tier,
            targets=_targets(stack, backup.targets),
            source=service.at("backup"),
            by_hand=tuple(d.source for d in service.entry.dumps if d.kind == "builtin"),
            units=_units((service,)),
            hooks=hooks_of(service),
            at=backup.at,
            callers=_callers(services, service),
            arrives_from=service.arrives_from,
        )


def database_job(service: str) -> str:
    """Name of the job with the databases of a service on another host than its own."""
    return f"database-{service}"


def _databases(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Work]:
    """Databases on another host than their service: dumped and backed up there."""
    away = [
        (service, database)
        for service in services
        for database in service.databases
        if database.is_remote
        and database.kind != "redis"
        and service.config.backup.skip is None
        # The job of an instance on that host has its dump.
        and not any(_is_dumped_by(other, database) for other in services)
    ]
    # The instances of a service on several hosts share a database.
    places = grouped(away, lambda one: f"{one[0].name} {one[1].host}")
    for found in places.values():
        service, first = found[0]
        name, backup = database_job(service.name), service.config.backup
        databases = {(d.kind, d.name) for _, d in found}
        dumps = tuple(
            ("postgresql", database, f"{POSTGRESQL_DUMPS}/{database}.sql.gz")
            for kind, database in sorted(databases)
            if kind == "postgresql"
        )
        commands = tuple(
            mysql_dump(name, database) for kind, database in sorted(databases) if kind == "mysql"
        )
        callers = {s.host: _units((s,)) for s, _ in found}
        yield Work(
            name=name,
            host=first.host,
            paths=(*(file for *_, file in dumps), *(c.file for c in commands)),
            exclude=(),
            dumps=dumps,
            commands=commands,
            live="",
            mounts=(),
            tier=backup.tier,
            targets=_targets(stack, backup.targets),
            source=first.source,
            by_hand=(),
            units=(),
            at=backup.at,
            callers=tuple(sorted(callers.items())),
        )


def _is_dumped_by(service: Service, database: Database) -> bool:
    """Whether a database is that of an instance of its service on its host, which is backed up."""
    if (service.name, service.host) != (database.service, database.host) or skip_reason(service):
        return False
    return any((d.kind, d.name) == (database.kind, database.name) for d in service.databases)


def _callers(
    services: tuple[Service, ...], service: Service
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Other hosts whose instances of a service use its databases, with their units."""
    here = {(d.kind, d.name) for d in service.databases if not d.is_remote}
    if not here:
        return ()
    return tuple(
        (other.host, _units((other,)))
        for other in services
        if other.name == service.name
        and other.host != service.host
        and any(d.host == service.host and (d.kind, d.name) in here for d in other.databases)
    )


def _units(services: Iterable[Service]) -> tuple[str, ...]:
    """Units that have files of these services open."""
    names = (unit for s in services for unit in (*s.units, *s.entry.helpers))
    return _unique(f"{name}.service" for name in names)


def _datasets(
    stack: StackConfig, datasets: tuple[Dataset, ...], services: tuple[Service, ...]
) -> Iterator[Work]:
    for dataset in datasets:
        if dataset.tier in KEPT_TIERS and stack.datasets[dataset.name].backup is None:
            held = _held(dataset, services)
            yield Work(
                name=f"dataset-{dataset.name}",
                host=dataset.host,
                paths=(dataset.path,),
                # Files that services in it can create again.
                exclude=_unique(
                    e
                    for s in services
                    for e in s.entry.exclude
                    if s.host == dataset.host and e.startswith(f"{dataset.path}/")
                ),
                dumps=(),
                commands=(),
                live="",
                mounts=(dataset.mount,),
                tier=dataset.tier,
                targets=_targets(stack, None),
                source=dataset.source,
                by_hand=(),
                units=(
                    *_units(
                        s for s in services if s.host == dataset.host and s.name in dataset.users
                    ),
                    *_sharing(stack.datasets[dataset.name], dataset.host, services),
                ),
                callers=_writers(stack.datasets[dataset.name], dataset.name, services),
                holds=tuple(s.name for s in held),
                # At the time of the service, so that one hold covers the dump and the files.
                at=next((start_of(stack.backup, s.name, s.config.backup.at) for s in held), None),
            )


def _sharing(config: DatasetConfig, host: str, services: tuple[Service, ...]) -> tuple[str, ...]:
    """Units that write a dataset for other devices. Syncthing would send to them that the files
    are gone which a restore moves aside.
    """
    syncing = (s for s in services if s.host == host and is_syncthing(s))
    shared = config.samba is not None and not config.samba.read_only
    return (
        *(_units(syncing) if config.syncthing is not None else ()),
        *(("samba-smbd.service",) if shared else ()),
    )


def _writers(
    config: DatasetConfig, name: str, services: tuple[Service, ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Other hosts whose services write a dataset over NFS, with their units."""
    if config.nfs is None or config.nfs.read_only:
        return ()
    found: dict[str, list[Service]] = {}
    for service in services:
        if service.host in config.nfs.hosts and service.writes(name):
            found.setdefault(service.host, []).append(service)
    return tuple((host, _units(here)) for host, here in sorted(found.items()))


def _held(dataset: Dataset, services: tuple[Service, ...]) -> tuple[Service, ...]:
    """The services that write a dataset and may not change it during a backup."""
    return tuple(
        service
        for service in services
        if service.host == dataset.host
        and service.writes(dataset.name)
        and hooks_of(service) != NO_HOOKS
        and not skip_reason(service)
        and (paths_of(service) or dumps_of(service) or commands_of(service))
    )


def _extra(stack: StackConfig) -> Iterator[Work]:
    for name, extra in sorted(stack.backup.extra.items()):
        yield Work(
            name=f"extra-{name}",
            host=extra.host,
            paths=_unique(extra.paths),
            exclude=_unique(extra.exclude),
            dumps=(),
            commands=(),
            live="",
            # A disk that is not there must not look like deleted files.
            mounts=_unique(extra.paths),
            tier=extra.tier,
            targets=_targets(stack, extra.targets),
            source=f"backup.extra.{name}",
            by_hand=(),
            units=(),
            hooks=Hooks(
                tuple(tuple(words) for words in extra.before),
                tuple(tuple(words) for words in extra.after),
            ),
            at=extra.at,
        )


def _again(work: Work, datasets: tuple[Dataset, ...]) -> Iterator[str]:
    """Re-derivable datasets inside the paths to back up, except those that a path names."""
    for dataset in datasets:
        if dataset.host == work.host and dataset.tier == "re-derivable":
            inside = any(is_below(dataset.path, path) for path in work.paths)
            named = any(dataset.path == p or is_below(p, dataset.path) for p in work.paths)
            if inside and not named:
                yield dataset.path


def _snapshots(work: Work, datasets: tuple[Dataset, ...]) -> Iterator[str]:
    """Directories of btrfs snapshots inside the paths to back up: copies of the same files."""
    for dataset in datasets:
        if dataset.host == work.host and dataset.snapshots and dataset.snapshots.directory:
            directory = dataset.snapshots.directory
            if any(is_below(directory, path) for path in work.paths):
                yield directory


def is_below(path: str, top: str) -> bool:
    """Whether a path is below a directory and is not the directory itself."""
    return path != top and path.startswith(f"{top.rstrip('/')}/")


def _skipped(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[tuple[str, str]]:
    many = Counter(s.name for s in services)
    for service in services:
        reason, away = skip_reason(service), databases_away(service)
        if away and not reason and not every_path(service):
            reason = f"its data is in a database on {', '.join(away)}"
        if reason:
            several = many[service.name] > 1
            yield f"{service.name}@{service.host}" if several else service.name, reason
    for name, dataset in stack.datasets.items():
        if dataset.backup is not None:
            yield f"dataset-{name}", dataset.backup
        elif dataset.tier not in KEPT_TIERS:
            yield f"dataset-{name}", f"its tier is {dataset.tier}"


def _targets(stack: StackConfig, named: list[str] | None) -> tuple[str, ...]:
    copies = {offload.to for offload in stack.backup.offload.values()}
    default = sorted(stack.backup.targets.keys() - copies)
    return _unique(named if named is not None else default)


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
