"""The datasets of a stack, with the services that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from homelab.config.hosts import NixosHost
from homelab.config.snapshots import SNAPSHOT_KEEP, SNAPSHOTS, Snapshot, size_of
from homelab.config.stack import StackConfig
from homelab.config.storage import DatasetConfig
from homelab.deploy.model import wake_command
from homelab.network.between import dialled
from homelab.services.model import Service
from homelab.storage.model import Dataset, Replica, Snapshots
from homelab.system.model import Host

SNAPSHOT_DIRECTORY = ".snapshots"
"""Directory of btrfs snapshots, at the mount point of the dataset's disk."""


def plan_datasets(
    stack: StackConfig, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> tuple[Dataset, ...]:
    """Every dataset, by name, with the services of its own host that use it.

    A service that names a dataset of another host is not among the users; a check names it.
    """
    return tuple(
        _dataset(name, config, hosts.get(config.host), services)
        for name, config in sorted(stack.datasets.items())
    )


def _dataset(
    name: str, config: DatasetConfig, host: Host | None, services: tuple[Service, ...]
) -> Dataset:
    fs, zfs, is_own = _place(host, config)
    mount = config.mount or mount_of(host, config.path)
    top = config.path.rstrip("/")
    return Dataset(
        name=name,
        host=config.host,
        path=config.path,
        mount=mount,
        is_mount_stated=config.mount is not None,
        tier=config.tier,
        owner=config.owner,
        group=config.group,
        mode=config.mode,
        users=tuple(
            sorted(
                s.name for s in services if s.host == config.host and name in s.datasets.values()
            )
        ),
        source=f"datasets.{name}",
        dirs=tuple(
            (f"{top}/{below}", d.owner or config.owner, d.mode or config.mode)
            for below, d in sorted(config.dirs.items())
        ),
        fs=fs,
        zfs=zfs,
        snapshots=_snapshots(config, fs, mount, is_own),
        quota=size_of(config.quota) if config.quota else None,
        gid=config.gid,
        synced=config.syncthing is not None,
    )


def mount_of(host: Host | None, path: str) -> str:
    """Mount point of the file system that a dataset is on, as far as the stack config tells; else
    its own path.
    """
    found = host.file_system_of(path) if host is not None else None
    # The hardware module may mount another file system above the path.
    return found.mount if found is not None and found.mount != "/" else path


def _place(host: Host | None, config: DatasetConfig) -> tuple[str, str, bool]:
    """File system and name of the ZFS dataset, as far as they are known, and whether the dataset is
    surely a subvolume or a ZFS dataset of its own.
    """
    if config.fs is not None or config.zfs is not None:
        return config.fs or "zfs", config.zfs or "", True
    found = host.file_system_of(config.path) if host is not None else None
    # The hardware module may mount another file system above the path.
    if found is None or found.mount == "/" != config.path:
        return "", "", False
    own = found.mount == config.path
    return found.kind, found.what if own and found.kind == "zfs" else "", own


def _snapshots(config: DatasetConfig, fs: str, mount: str, is_own: bool) -> Snapshots | None:
    """Snapshots that the stack config asks for, or the default of the file system and tier."""
    stated = config.snapshot
    by_default = fs in SNAPSHOTS and is_own and config.tier != "re-derivable"
    if stated is None and not by_default:
        return None
    wanted = stated or Snapshot()
    if wanted.every == "none":
        return None
    keep = wanted.keep or SNAPSHOT_KEEP[config.tier]
    if wanted.every == "daily":
        keep = keep.model_copy(update={"hourly": 0})
    return Snapshots(
        every=wanted.every,
        keep=keep,
        directory="" if fs == "zfs" else f"{mount.rstrip('/')}/{SNAPSHOT_DIRECTORY}",
        stated=stated is not None,
    )


def plan_replicas(
    stack: StackConfig, hosts: Mapping[str, Host], datasets: tuple[Dataset, ...]
) -> tuple[Replica, ...]:
    """The replica of each dataset that has one, on a host that exists and is another one."""
    found = []
    for dataset in datasets:
        config = stack.datasets[dataset.name].replicate
        target = hosts.get(config.to) if config is not None else None
        if config is None or target is None or not target.is_nixos or dataset.host not in hosts:
            continue
        place = config.zfs if dataset.fs == "zfs" else config.path
        if place is None or (dataset.fs == "zfs" and not dataset.zfs):
            continue  # A check reports what does not fit.
        keep = config.keep or (
            dataset.snapshots.keep if dataset.snapshots else SNAPSHOT_KEEP[dataset.tier]
        )
        found.append(
            Replica(
                dataset=dataset,
                host=target.name,
                place=place,
                address=dialled(stack, dataset.host, target.name),
                port=target.config.ssh.port,
                every=config.every,
                at=config.at,
                max_age_hours=config.hours,
                keep=keep.model_copy(update={"hourly": config.keep.hourly if config.keep else 0}),
                offline=not target.always_on,
                wake=_wake(target, dataset.host),
            )
        )
    return tuple(found)


def plan_copies(
    stack: StackConfig, replicas: tuple[Replica, ...], services: tuple[Service, ...]
) -> tuple[Dataset, ...]:
    """The datasets whose replica a service of the receiving host reads, as that host sees them.
    Snapshots, quota, directories and backups are those of the sender.
    """
    found = []
    for replica in replicas:
        name = replica.dataset.name
        config = stack.datasets[name]
        users = sorted(
            s.name for s in services if s.host == replica.host and name in s.datasets.values()
        )
        copy = config.replicate
        if not users or copy is None or config.path_on(replica.host) != copy.read_at:
            continue  # Nobody reads it, or by NFS.
        found.append(
            replace(
                replica.dataset,
                host=replica.host,
                path=copy.read_at,
                mount=copy.read_at if replica.on_zfs else replica.place,
                holder="" if replica.on_zfs else replica.place,
                group=replica.login,
                users=tuple(users),
                source=replica.source,
                is_mount_stated=False,
                dirs=(),
                snapshots=None,
                quota=None,
                synced=False,
            )
        )
    return tuple(found)


def _wake(target: Host, sender: str) -> str:
    """The command with which the sender wakes the receiver, if it is the one that has it."""
    config = target.config
    offline = config.offline if isinstance(config, NixosHost) else None
    wakes = offline is not None and offline.wake_by == sender
    return wake_command(target.name) if wakes and not target.always_on else ""
