"""Checks of replicas: two hosts, the same kind of file system, and an age that can be kept."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.config.lock import Copy
from homelab.config.pools import AnyPool
from homelab.config.snapshots import CURRENT, HOURS, Replicate
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.storage.memory import moved_replicas
from homelab.storage.model import Dataset, Replica
from homelab.system.model import Host

_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")
_SLEEP_HOURS = 48
"""Age that a replica on a host that is switched off at night may always reach."""


@check("replica-endpoints")
def replica_endpoints(plan: Plan) -> Iterator[Problem]:
    """A replica needs snapshots to send, and a host with the same kind of file system."""
    nixos = {h.name: h for h in plan.hosts.values() if h.is_nixos}
    for dataset in plan.datasets:
        config = plan.stack.datasets[dataset.name].replicate
        if config is None:
            continue
        where = f"{dataset.source}.replicate"
        if config.to not in nixos:
            known = config.to in plan.hosts
            yield Problem(
                f"{where}.to",
                f"{config.to} is home-manager only, and its system is not ours"
                if known
                else f'there is no host "{config.to}"',
                did_you_mean(config.to, nixos, "hosts"),
            )
        if dataset.snapshots is None:
            yield Problem(
                where,
                f"{dataset.name} has no snapshots, and a replica consists of them",
                f"write {dataset.source}.fs: btrfs or zfs: …, and snapshot: daily; or leave "
                "replicate out",
            )
        else:
            yield from _mixed(plan, dataset, config)
        if config.path is not None and not _PLAIN.fullmatch(config.path):
            yield Problem(
                f"{where}.path",
                f"btrbk cannot send to {config.path}, because its configuration takes letters, "
                "digits and . _ - + @ / in a path",
                "name a directory without other characters",
            )
    yield from _places(plan)


def _mixed(plan: Plan, dataset: Dataset, config: Replicate) -> Iterator[Problem]:
    """A snapshot of one file system cannot be received by another."""
    where = f"{dataset.source}.replicate"
    if dataset.fs == "zfs" and config.zfs is None:
        pools = [n for n, p in _pools(plan, config.to).items() if p.kind == "zfs"] or ["tank"]
        yield Problem(
            f"{where}.path",
            f"{dataset.name} is on ZFS, and only a ZFS dataset can receive its snapshots",
            f"write zfs: {pools[0]}/copies/{dataset.name} instead of path; if {config.to} has no "
            "ZFS, leave replicate out and back it up with restic: backup.targets",
        )
    if dataset.fs != "zfs" and config.path is None:
        yield Problem(
            f"{where}.zfs",
            f"{dataset.name} is on {dataset.fs}, and ZFS cannot receive its snapshots",
            f"write path: /mnt/copies/{dataset.name} (a directory on btrfs) instead of zfs; if "
            f"{config.to} has no btrfs, leave replicate out and back it up with restic: "
            "backup.targets",
        )
    if config.zfs is not None:
        pool, _, inside = config.zfs.partition("/")
        pools = [n for n, p in _pools(plan, config.to).items() if p.kind == "zfs"]
        if not inside:
            yield Problem(
                f"{where}.zfs",
                f"{pool} is a pool, and a replica is a dataset in one",
                f"name a dataset that does not exist yet: {pool}/copies/{dataset.name}",
            )
        elif pools and pool not in pools:
            nearest = difflib.get_close_matches(pool, pools, n=1, cutoff=0.5) or sorted(pools)
            yield Problem(
                f"{where}.zfs",
                f"{config.to} has no pool {pool}",
                f"write zfs: {nearest[0]}/{inside}, or name the pool in "
                f"hosts.{config.to}.pools. Its pools: {', '.join(sorted(pools))}",
            )


def _pools(plan: Plan, host: str) -> Mapping[str, AnyPool]:
    found = plan.hosts.get(host)
    return found.config.pools if found is not None else {}


def _places(plan: Plan) -> Iterator[Problem]:
    people = {plan.stack.site.owner.user, *plan.stack.site.members}
    taken: list[Replica] = []
    for replica in plan.replicas:
        for other in taken:
            inside = replica.place == other.place or _overlap(replica.place, other.place)
            if (other.host, other.on_zfs) == (replica.host, replica.on_zfs) and inside:
                yield Problem(
                    f"{replica.source}.{'zfs' if replica.on_zfs else 'path'}",
                    f"{replica.place} is at or inside {other.place}, where {other.dataset.name} "
                    "goes, or the other way round",
                    "give each replica a dataset of its own"
                    if replica.on_zfs
                    else "give each replica a directory of its own",
                )
        taken.append(replica)
        for dataset in plan.datasets:
            if dataset.host != replica.host:
                continue
            if replica.on_zfs:
                yield from _within(replica, dataset)
                continue
            if not below(replica.place, (dataset.path,)):
                continue
            if dataset.fs and dataset.fs != replica.dataset.fs:
                yield Problem(
                    f"{replica.source}.path",
                    f"{replica.place} is in the dataset {dataset.name}, which is on {dataset.fs}; "
                    f"{replica.dataset.name} is on {replica.dataset.fs}",
                    f"name a directory on {replica.dataset.fs} of {replica.host}",
                )
        if replica.login in people:
            yield Problem(
                replica.dataset.source,
                f"{replica.host} would receive it with the account {replica.login}, which is a "
                "person's",
                "rename the dataset, or leave replicate out",
            )


def _within(replica: Replica, dataset: Dataset) -> Iterator[Problem]:
    if dataset.zfs and (replica.place == dataset.zfs or _overlap(replica.place, dataset.zfs)):
        yield Problem(
            f"{replica.source}.zfs",
            f"{replica.place} is at or inside {dataset.zfs} of the dataset {dataset.name}, or the "
            "other way round",
            "name a ZFS dataset that does not exist yet, beside it",
        )


def _overlap(one: str, other: str) -> bool:
    return below(one, (other,)) or below(other, (one,))


@check("replica-distinct-host")
def replica_distinct_host(plan: Plan) -> Iterator[Problem]:
    """A replica on the dataset's own host is lost with it."""
    for replica in plan.replicas:
        if replica.host == replica.dataset.host:
            others = [h.name for h in plan.hosts.values() if h.may_serve and h.name != replica.host]
            yield Problem(
                f"{replica.source}.to",
                f"{replica.dataset.name} is on {replica.host} itself",
                f"name another host: {', '.join(others)}"
                if others
                else "leave replicate out: the stack has no other host",
            )


@check("replica-age")
def replica_age(plan: Plan) -> Iterator[Problem]:
    """A replica that may not be older than the time between two runs is too old before each run."""
    for replica in plan.replicas:
        hours = HOURS[replica.every]
        if replica.max_age_hours <= hours:
            yield Problem(
                f"{replica.source}.max_age_hours",
                f"it is sent {replica.every}, so it is up to {hours} h old and the time to send "
                f"it, and it may be {replica.max_age_hours} h old",
                f"write more than {hours}, such as max_age_hours: {hours + 12}"
                if replica.every == "daily"
                else "write max_age_hours: 2 or more",
            )


@check("replica-awake")
def replica_awake(plan: Plan) -> Iterator[Problem]:
    """A host that is off when the snapshots are sent falls behind, and nothing there says so."""
    for replica in plan.replicas:
        if not replica.offline or replica.wake or replica.host == replica.dataset.host:
            continue
        if replica.every == "hourly" and replica.max_age_hours >= _SLEEP_HOURS:
            continue
        yield Problem(
            replica.source,
            f"{replica.host} is not always on, and {replica.dataset.host} does not wake it, so its "
            f"replica may be older than {replica.max_age_hours} h",
            "write every: hourly and max_age_hours: 168, which tries whenever it is on"
            f"{_others(plan, replica)}",
        )


def _others(plan: Plan, replica: Replica) -> str:
    def fits(host: Host) -> bool:
        return host.may_serve and host.always_on and host.name != replica.dataset.host

    awake = [h.name for h in plan.hosts.values() if fits(h)]
    return f"; or send it to a host that is always on: {', '.join(awake)}" if awake else ""


@check("replica-read")
def replica_read(plan: Plan) -> Iterator[Problem]:
    """A replica is read-only, its files keep the numbers of their owners, and on btrfs each
    snapshot has another name.
    """
    copies = {(c.host, c.name): c for c in plan.copies}
    receivers = {(r.host, r.dataset.name): r for r in plan.replicas}
    for service in plan.services:
        for role, name in service.datasets.items():
            copy, replica = copies.get((service.host, name)), receivers.get((service.host, name))
            if copy is None or replica is None:
                continue
            where, sender = service.dataset_at(role), replica.dataset.host
            nfs = f"mount it: datasets.{name}.nfs: {{hosts: {{{service.host}: /mnt/{name}}}}}"
            away = f"write {service.at('host')}: {sender}, or {nfs}"
            if service.writes(name) or role in service.entry.state_in:
                yield Problem(
                    where,
                    f"{service.name} writes {name}, and {service.host} has a replica of it, which "
                    "is read-only",
                    away,
                )
            elif not replica.on_zfs and service.parts:
                yield Problem(
                    where,
                    f"a container keeps the snapshot that it started with, and {name} on "
                    f"{service.host} is a replica whose newest snapshot changes",
                    f"leave it out, mount all its snapshots, and read {CURRENT} in them: services."
                    f"{service.name}.container.mounts: [{{source: {replica.place}, target: "
                    f"/{name}, read_only: true}}]; or {nfs}",
                )
            elif int(copy.mode[-1]) & 5 != 5:
                yield Problem(
                    where,
                    f"{name} has mode {copy.mode}, and the numbers of its owners are those of "
                    f"{sender}, so {service.name} may not read its replica",
                    f"let every user read it (datasets.{name}.mode: "
                    f'"{copy.mode[:-1]}5"), or {nfs}, which translates owners',
                )


@check("replica-moved")
def replica_moved(plan: Plan) -> Iterator[Problem]:
    """A replica does not move with its place in the stack: its snapshots stay where they are, and
    all data is sent again.
    """
    for replica, before in moved_replicas(plan):
        name, key = replica.dataset.name, "path" if before.place.startswith("/") else "zfs"
        yield Problem(
            replica.source,
            f"the copy of {name} was {before.place} on {before.host}, and its snapshots are still "
            "there",
            f"{_carried(replica, before)}let everything be sent again, and acknowledge: "
            f"homelab lock --move {name}; or restore the old place: to: {before.host}, "
            f"{key}: {before.place}",
        )


def _carried(replica: Replica, before: Copy) -> str:
    """How it moves on its host, where that is one command."""
    if replica.host != before.host or replica.on_zfs == before.place.startswith("/"):
        return ""
    if not replica.on_zfs:
        command = f"mv -- {before.place} {replica.place}, if both are on one file system"
    elif replica.place.partition("/")[0] == before.place.partition("/")[0]:
        command = f"zfs rename {before.place} {replica.place}"
    else:
        return ""
    return (
        f"move it on {replica.host} as root ({command}), then acknowledge: "
        f"homelab lock --move {replica.dataset.name}; or "
    )
