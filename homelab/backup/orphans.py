"""What services and restores left on a host, and nothing in the stack owns any more.

A directory counts if something knows it: a catalog entry, the records of an earlier backup, the
lock, or the name that a restore gave it. Directories of the system and of own modules are not
judged.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from homelab.backup.left import known_places, said
from homelab.backup.plan import is_below
from homelab.catalog import ENTRIES
from homelab.plan import Plan
from homelab.storage.plan import SNAPSHOT_DIRECTORY

_MOVED = re.compile(r"^(.+)\.(before|undone|restoring)-\d{14}$")
_INSIDE = re.compile(r"^\.homelab-(before|undone|restoring)-\d{14}$")
_RENAMED = re.compile(r"^(.+)_(before|undone)_\d{14}$")
_BTRBK = re.compile(r"^(.+)\.\d{8}T\d{4,6}([+-]\d{4})?(_\d+)?$")
"""Names of snapshots that btrbk makes: `photos.20260302T1015`."""
_SNAPSHOTS = "snapshots of {}, of which the stack makes none any more"
_SHARED = ("/var/lib/private", "/var/lib/homelab")
_WHAT = {
    "before": "the state from before a restore",
    "undone": "what an undone restore had brought",
    "restoring": "a restore that has not ended",
}


@dataclass(frozen=True)
class Orphan:
    """One thing that the stack does not own."""

    host: str
    kind: str
    """directory, database, dump, replica, repository, snapshots."""
    name: str
    """Its path, or the name of a database or repository."""
    why: str
    """Where it comes from."""
    remove: str
    """The command that removes it, for root on the host; empty if it is not on the host."""


def places(plan: Plan, host: str) -> tuple[str, ...]:
    """What to look into on a host, besides its state and dumps: `kind:directory`."""
    stores = {
        f"store:{target.path.rstrip('/')}"
        for target in plan.stack.backup.targets.values()
        if target.host == host
    }
    datasets = {f"dataset:{d.path.rstrip('/')}" for d in plan.datasets if d.host == host}
    left = [place for place in known_places(plan) if place.host == host]
    formerly = {f"{'former' if place.target else 'left'}:{place.path}" for place in left}
    # Also of datasets that had their place in the lock.
    paths = {d.path for d in plan.datasets if d.host == host} | {
        place.path for place in plan.lock.datasets.values() if place.host == host
    }
    # Where its disk is mounted, which nothing says of a dataset that is gone.
    tops = {
        str(top) for path in paths for top in (PurePosixPath(path), *PurePosixPath(path).parents)
    }
    snapshots = {f"snapshots:{top.rstrip('/')}/{SNAPSHOT_DIRECTORY}" for top in tops}
    return (*sorted(stores), *sorted(datasets), *sorted(snapshots), *sorted(formerly))


def orphans(plan: Plan, host: str, found: Iterable[tuple[str, str]]) -> tuple[Orphan, ...]:
    """What of a host's findings (kind, name) nothing in the stack owns."""
    listed = list(found)
    former = {PurePosixPath(name).parent.name for kind, name in listed if kind == "job"}
    known = _Known(plan, host, former - {job.name for job in plan.backup.on(host)})
    every = (o for kind, name in listed for o in known.judged(kind, name))
    # One thing may be known in two ways, and the snapshots of a dataset are one line.
    return tuple({(o.kind, o.name): o for o in every}.values())


class _Known:
    """What the stack owns on a host, and what it has owned."""

    def __init__(self, plan: Plan, host: str, former: set[str]) -> None:
        self.plan, self.host, self.former = plan, host, former
        services = plan.on(host)
        self.owned = {
            *(path for s in services for path in s.state),
            *(mount.source for s in services for part in s.parts for mount in part.config.mounts),
            *(d.path for d in plan.datasets if d.host == host),
            *(path for job in plan.backup.on(host) for path in job.paths),
            *(t.path for t in plan.stack.backup.targets.values() if t.host == host),
        }
        self.places = {p.path: p for p in known_places(plan) if p.host == host}
        names = {service.name for service in services}
        entries = {service.entry.name for service in services}
        self.left: dict[str, str] = {
            path: name
            for name, entry in ENTRIES.items()
            if name not in entries
            for path in entry.state
        }
        self.left |= {
            path: key.partition("@")[0]
            for key, placement in plan.lock.services.items()
            if placement.host == host and key.partition("@")[0] not in names
            for path in placement.state
        }
        here = [d for d in plan.datasets if d.host == host and d.snapshots]
        self.snapshots = {(d.snapshots.directory, d.name) for d in here if d.snapshots}
        self.replicas = {r.place for r in plan.replicas if r.host == host} | {
            d.zfs for d in plan.datasets if d.host == host
        }
        # sanoid also makes snapshots for modules of the owner.
        self.unsnapshotted = {
            place.path for place in plan.lock.datasets.values() if place.host == host
        } | {d.path for d in plan.datasets if d.host == host}
        self.unsnapshotted -= {d.path for d in here}
        self.jobs = {job.name for job in plan.backup.on(host)}
        # A service of the host may have a database that is not backed up.
        self.databases = {d.source or d.mysql or "" for s in services for d in s.entry.dumps} | {
            *plan.backup.databases_on(host),
            *(name for d in plan.databases_on(host) for name in d.names),
            *names,
        }
        # What a service calls its further databases is in its facts alone.
        self.former_further = {
            f"{name}-{part}": name
            for name in self.former
            for fact in (ENTRIES[name].database_elsewhere.values() if name in ENTRIES else ())
            for part in fact.further
        }
        self.dumped: dict[str, str] = {
            database: name
            for name, entry in ENTRIES.items()
            if name not in entries
            for dump in entry.dumps
            for database in (dump.postgresql, dump.mysql)
            if database
        }

    def judged(self, kind: str, name: str) -> Iterator[Orphan]:
        """What a finding is, if the stack does not own it."""
        judges: Mapping[str, Callable[[str], Iterator[Orphan]]] = {
            "state": self._state,
            "dataset": self._state,
            "left": self._left,
            "left-mount": self._left_mount,
            "kept": self._kept,
            "dump": self._dump,
            "repository": self._repository,
            "job": self._job,
            "departed-path": self._departed_path,
            "departed-database": self._departed_database,
            "snapshot": self._snapshot,
            "zfs-snapshots": self._zfs_snapshots,
            "replica": self._replica,
            "postgresql": self._postgresql,
            "mysql": self._mysql,
        }
        if kind in judges:
            yield from judges[kind](name)

    def _of_host(self, kind: str, name: str, why: str, remove: str = "") -> Orphan:
        return Orphan(self.host, kind, name, why, remove)

    def _path(self, kind: str, path: str, why: str) -> Orphan:
        return self._of_host(kind, path, why, f"rm -r -- {shlex.quote(path)}")

    def _state(self, path: str) -> Iterator[Orphan]:
        name = path.rpartition("/")[2]
        moved = _MOVED.match(name) or _INSIDE.match(name)
        if moved:
            yield self._path("directory", path, _WHAT[moved.group(moved.lastindex or 1)])
            return
        if path in _SHARED or self._is_owned(path):
            return
        for state, service in self.left.items():
            if state == path or is_below(state, path):
                yield self._path("directory", path, self._gone("state", service))
                return
        if name in self.former:
            yield self._path("directory", path, self._gone("state", name))

    def _gone(self, what: str, service: str) -> str:
        return f"{what} of {service}, which is not on {self.host} in the stack"

    def _is_owned(self, path: str) -> bool:
        return any(path == o or is_below(o, path) or is_below(path, o) for o in self.owned)

    def _left(self, path: str) -> Iterator[Orphan]:
        place = self.places.get(path)
        if place is not None and not place.target and not self._is_owned(path):
            yield self._path("directory", path, said(self.plan, place))

    def _left_mount(self, path: str) -> Iterator[Orphan]:
        # The directory itself is in use by the mount, which is not in the way of anything.
        for orphan in self._left(path):
            command = f"find {shlex.quote(path)} -xdev -mindepth 1 -delete"
            yield replace(orphan, remove=command)

    def _departed_path(self, name: str) -> Iterator[Orphan]:
        service, _, path = name.partition(" ")
        if not self._is_owned(path):
            yield self._path("directory", path, f"state of {service}, which has moved away")

    def _departed_database(self, name: str) -> Iterator[Orphan]:
        service, _, rest = name.partition(" ")
        kind, _, database = rest.partition(":")
        if database in self.databases:
            return
        found = self._postgresql if kind == "postgresql" else self._mysql
        yield from found(database, f"database of {service}, which has moved away")

    def _snapshot(self, path: str) -> Iterator[Orphan]:
        directory, _, file = path.rpartition("/")
        dataset = _BTRBK.match(file)
        if dataset is None or (directory, dataset[1]) in self.snapshots:
            return
        names = f"{directory}/{dataset[1]}.*"
        command = f"btrfs subvolume delete -- {shlex.quote(f'{directory}/{dataset[1]}.')}*"
        yield self._of_host("snapshots", names, _SNAPSHOTS.format(dataset[1]), command)

    def _zfs_snapshots(self, name: str) -> Iterator[Orphan]:
        mounted, _, dataset = name.partition("\t")
        if mounted not in self.unsnapshotted:
            return
        command = (
            f"zfs list -H -t snapshot -o name {shlex.quote(dataset)} | grep @autosnap_ | "
            "xargs -n 1 zfs destroy"
        )
        why = _SNAPSHOTS.format(dataset)
        yield self._of_host("snapshots", f"{dataset}@autosnap_*", why, command)

    def _replica(self, name: str) -> Iterator[Orphan]:
        dataset, _, rest = name.partition(" ")
        fs, _, place = rest.partition(" ")
        if place in self.replicas or (fs == "btrfs" and self._is_owned(place)):
            return
        note = shlex.quote(f"/var/lib/homelab/replicas/{dataset}.place")
        delete = f"zfs destroy -r {shlex.quote(place)}"
        if fs == "btrfs":
            delete = f"btrfs subvolume delete -- {shlex.quote(f'{place}/{dataset}.')}*"
        why = f"replica of {dataset}, which is not sent there any more"
        # The note may have other places, which are in use.
        line = shlex.quote(f"\\|{place.replace('.', '[.]')}$|d")
        yield self._of_host("replica", place, why, f"{delete}; sed -i {line} {note}")

    def _kept(self, path: str) -> Iterator[Orphan]:
        what = _WHAT["before" if path.endswith("/kept") else "undone"]
        yield self._path("dump", path, f"{what}: dumps of its databases")

    def _dump(self, path: str) -> Iterator[Orphan]:
        name = path.rpartition("/")[2]
        if path.startswith("/var/backup/postgresql/"):
            database = name.removesuffix(".gz").removesuffix(".sql").removesuffix(".prev")
            if database not in self.plan.backup.databases_on(self.host):
                yield self._path(
                    "dump", path, f"dump of the database {database}, which no job dumps"
                )
        elif name not in self.jobs:
            yield self._path("dump", path, f"dumps of {name}, which is not backed up here")

    def _repository(self, path: str) -> Iterator[Orphan]:
        client, job = path.split("/")[-2:]
        store = path.removesuffix(f"/{client}/{job}")
        left = self.places.get(store)
        if left is not None and left.target and not self._is_owned(path):
            why = f"repository of {job} on {client}, {said(self.plan, left)}"
            yield self._path("repository", path, why)
        for name, target in self.plan.stack.backup.targets.items():
            here = target.host == self.host
            if here and target.path.rstrip("/") == store:
                jobs = {(j.name, j.target) for j in self.plan.backup.on(client)}
                if (job, name) not in jobs:
                    why = f"repository of {job} on {client}, which is not backed up to {name}"
                    yield self._path("repository", path, why)

    def _job(self, path: str) -> Iterator[Orphan]:
        job, name = path.split("/")[-2:]
        target = self.plan.stack.backup.targets.get(name)
        elsewhere = target is not None and target.host != self.host
        jobs = {(j.name, j.target) for j in self.plan.backup.on(self.host)}
        # The repositories of a target on a host are listed there.
        gone = target is None and name not in {p.target for p in known_places(self.plan)}
        if (job, name) not in jobs and (elsewhere or gone):
            why = f"repository of {job}, which is not backed up to {name} any more; remove it there"
            yield self._of_host("repository", f"{name}: {self.host}/{job}", why)

    def _database(self, name: str) -> str:
        """Why a database is left; empty if it is not."""
        renamed = _RENAMED.match(name)
        if renamed:
            return _WHAT[renamed.group(2)]
        if name in self.databases:
            return ""
        if name in self.dumped:
            return self._gone("database", self.dumped[name])
        gone = self.former_further.get(name, name if name in self.former else "")
        return self._gone("database", gone) if gone else ""

    def _postgresql(self, name: str, why: str = "") -> Iterator[Orphan]:
        why = why or self._database(name)
        if why:
            command = f"runuser -u postgres -- dropdb {shlex.quote(name)}"
            yield self._of_host("database", name, f"PostgreSQL: {why}", command)

    def _mysql(self, name: str, why: str = "") -> Iterator[Orphan]:
        why = why or self._database(name)
        if why:
            quoted = name.replace("`", "``")
            command = f"mysql -e {shlex.quote(f'DROP DATABASE `{quoted}`')}"
            yield self._of_host("database", name, f"MySQL: {why}", command)
