"""What the stack config itself places on a root that forgets: datasets, replicas and backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.file_systems import file_systems, is_within, root_type
from homelab.system.kept import kept
from homelab.system.model import Host
from homelab.system.own import are_modules_here
from homelab.system.persistence_checks import IN_MEMORY, PERSISTENCE_COMPLETE


def check_wiped(
    plan: Plan, sources: Mapping[str, str | bytes], *, sound: bool = True
) -> Iterator[Problem]:
    """Every place of data on a host whose root forgets. What is kept follows from a host's
    modules, which only a plan that is `sound` makes.
    """
    from homelab.render import modules_of

    for host in plan.hosts.values():
        config = host.config.persistence if host.is_nixos else None
        # A file that is missing is named by a check of its own, and a planned host has none yet.
        if config is None or not sound or not are_modules_here(host, sources):
            continue
        keep = (one.path for one in kept(plan, host, modules_of(plan, host)))
        disks = file_systems(host, sources) - {"/"}
        safe = (*keep, *config.mounted, *config.forget, config.root, *disks)
        for where, path, what in _places(plan, host, sources):
            # A directory with kept ones in it is not lost as a whole.
            if any(is_within(path, top) or is_within(top, path) for top in safe):
                continue
            yield Problem(
                where,
                f"{path}, {what}, is on the root of {host.name}, and a restart empties that",
                f"write {host.source}.persistence.directories: "
                f"[{', '.join((*config.directories, path))}], or a path on another disk that is "
                "mounted",
                check=PERSISTENCE_COMPLETE,
            )


def _places(
    plan: Plan, host: Host, sources: Mapping[str, str | bytes]
) -> Iterator[tuple[str, str, str]]:
    """(place in the stack config, directory, what it is)."""
    is_in_memory = root_type(host, sources) in IN_MEMORY
    for dataset in (d for d in plan.datasets if d.host == host.name):
        # `dataset-mounted` knows a mount that is stated, ZFS mounts its datasets itself, and
        # `dataset-in-memory` names those in memory.
        if not (dataset.is_mount_stated or dataset.fs == "zfs" or is_in_memory):
            yield f"{dataset.source}.path", dataset.path, f"the dataset {dataset.name}"
    for replica in plan.replicas:
        if replica.host == host.name and not replica.on_zfs:
            what = f"the replica of {replica.dataset.name}"
            yield f"{replica.source}.path", replica.place, what
    for name, target in sorted(plan.stack.backup.targets.items()):
        if target.host == host.name:
            what = f"the repositories of the backup target {name}"
            yield f"backup.targets.{name}.path", target.path.rstrip("/"), what
    for name, extra in sorted(plan.stack.backup.extra.items()):
        for index, path in enumerate(extra.paths if extra.host == host.name else ()):
            if "*" not in path:
                yield f"backup.extra.{name}.paths[{index}]", path, "which is backed up"
