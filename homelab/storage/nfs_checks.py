"""Checks of datasets over NFS: hosts that exist and can be trusted, free places, and numbers."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.ids import has_fixed_user
from homelab.services.model import Service
from homelab.storage.nfs import Export, plan_exports


@check("nfs-hosts")
def nfs_hosts(plan: Plan) -> Iterator[Problem]:
    """NFS trusts the address of a host: only NixOS hosts of the stack, and none that runs untrusted
    programs, may mount a dataset.
    """
    nixos = {h.name for h in plan.hosts.values() if h.is_nixos}
    for name, config in plan.stack.datasets.items():
        if config.nfs is None:
            continue
        where = f"datasets.{name}.nfs"
        others = nixos - {config.host}
        if not config.nfs.hosts:
            yield Problem(
                f"{where}.hosts",
                "no host mounts it",
                f"name the hosts that do, and where: {{{min(others, default='laptop')}: "
                f"/mnt/{name}}}; or leave nfs out",
            )
        for client in config.nfs.hosts:
            at = f"{where}.hosts.{client}"
            host = plan.hosts.get(client)
            if host is None:
                way = did_you_mean(client, others, "hosts")
                yield Problem(at, f'there is no host "{client}"', f"{way}; {_DEVICES}")
            elif not host.is_nixos:
                what = f"{client} is home-manager only, and its system is not ours"
                yield Problem(at, what, f"leave it out; {_DEVICES}")
            elif client == config.host:
                yield Problem(
                    at,
                    f"{client} has the dataset itself",
                    "leave it out: services of this host use the dataset by its name",
                )
            elif host.role == "agent":
                yield Problem(
                    at,
                    f"{client} runs untrusted programs, and whoever becomes root there could read "
                    f"other files of the disk of {name}",
                    "leave it out; copy the files there, or share them with a password: "
                    f"datasets.{name}.samba",
                )


_DEVICES = "other devices open a drive with samba: {}"


@check("nfs-place")
def nfs_place(plan: Plan) -> Iterator[Problem]:
    """A mount hides what its directory contains."""
    for index, mounted in enumerate(plan.mounted):
        server = plan.stack.datasets[mounted.name].host
        way = f"name a separate directory, such as /mnt/{server}/{mounted.name}"
        host = plan.hosts[mounted.host]
        for other in (*plan.datasets, *plan.mounted[:index]):
            if other.host == mounted.host and _overlap(mounted.path, other.path):
                yield Problem(
                    mounted.source,
                    f"{mounted.path} is at, in or above {other.path}, where {mounted.host} has the "
                    f"dataset {other.name}",
                    way,
                )
        system = next((f for f in host.file_systems if below(f.mount, (mounted.path,))), None)
        if system is not None:
            yield Problem(
                mounted.source,
                f"{mounted.host} mounts {system.mount} there ({system.source})",
                way,
            )
        replica = next(
            (
                r
                for r in plan.replicas
                if r.host == mounted.host and not r.on_zfs and _overlap(mounted.path, r.place)
            ),
            None,
        )
        if replica is not None:
            yield Problem(
                mounted.source,
                f"{replica.place} receives the replica of {replica.dataset.name}",
                way,
            )


def _overlap(one: str, other: str) -> bool:
    return below(one, (other,)) or below(other, (one,))


@check("nfs-awake", severity="warning")
def nfs_awake(plan: Plan) -> Iterator[Problem]:
    """A service whose data is on another host runs only while that host is on."""
    for mounted in plan.mounted:
        server = plan.hosts[plan.stack.datasets[mounted.name].host]
        if server.always_on or not mounted.users or not plan.hosts[mounted.host].always_on:
            continue
        yield Problem(
            mounted.source,
            f"{server.name} is not always on, and {', '.join(mounted.users)} on {mounted.host} "
            f"starts only while it is, and stands still when it goes off",
            f"write {server.source}.always_on: true if it is, or run "
            f"{', '.join(mounted.users)} there: services.{mounted.users[0]}.host: {server.name}",
        )


@check("nfs-write")
def nfs_write(plan: Plan) -> Iterator[Problem]:
    """A service cannot write a read-only export, and a database that is used over NFS breaks."""
    for export in plan_exports(plan.stack):
        for service in plan.on(export.client):
            for role, name in service.datasets.items():
                if name != export.dataset:
                    continue
                if role in service.entry.state_in:
                    yield Problem(
                        service.dataset_at(role),
                        f"{service.name} keeps its state in {name}, which is on {export.server}: "
                        "its backup and its locks need a disk of its own host",
                        f"write {service.at('host')}: {export.server}, or use a dataset of "
                        f"{export.client}",
                    )
                elif export.read_only and service.writes(name):
                    yield Problem(
                        service.dataset_at(role),
                        f"{service.name} writes {name}, and {export.client} mounts it read-only",
                        f"leave datasets.{name}.nfs.read_only out, or write "
                        f"{service.at('host')}: {export.server}",
                    )


@check("nfs-ids")
def nfs_ids(plan: Plan) -> Iterator[Problem]:
    """Without `squash`, a file belongs to the number of the user that wrote it, whoever has that
    number on the other host.
    """
    for export in plan_exports(plan.stack):
        if export.squash or export.read_only:
            continue
        here = [s for s in plan.on(export.server) if export.dataset in s.datasets.values()]
        there = [s for s in plan.on(export.client) if export.dataset in s.datasets.values()]
        for service in (*there, *(here if there else ())):
            if service.ids is None:
                yield _unknown(export, service)
        for service in there:
            clash = _clash(plan, export, service)
            if clash:
                yield Problem(
                    service.at("ids.uid"),
                    f"files of {service.name} in {export.dataset} would belong to somebody else: "
                    f"{clash}",
                    f"give the user one number on both hosts (ids), or leave datasets."
                    f"{export.dataset}.nfs.squash out",
                )


def _clash(plan: Plan, export: Export, service: Service) -> str:
    """How the number of a service of the client differs from those of the server; else empty."""
    mine = service.ids
    for other in plan.on(export.server):
        if mine is None or other.ids is None:
            continue
        if other.entry.user == service.entry.user and other.ids.uid != mine.uid:
            return (
                f"{service.entry.user} has the number {mine.uid} on {export.client} and "
                f"{other.ids.uid} on {export.server}"
            )
        if other.entry.user != service.entry.user and other.ids.uid == mine.uid:
            return f"{other.entry.user} has the number {mine.uid} on {export.server}"
    return ""


def _unknown(export: Export, service: Service) -> Problem:
    where = f"datasets.{export.dataset}.nfs.squash"
    what = f"the number of {service.name} on {service.host} is not the same on both hosts"
    # With numbers, systemd's dynamic user becomes an ordinary one.
    if has_fixed_user(service) or service.entry.dynamic_user:
        return Problem(where, what, f"write {service.at('ids')}: {{}}, or leave squash out")
    return Problem(where, what, "leave squash out: files then belong to the dataset's owner")
