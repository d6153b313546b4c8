"""Checks of file systems against the hand-written modules of their host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.config.pools import MergerfsPool
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.devices import mount_at
from homelab.system.file_systems import file_systems, fs_type
from homelab.system.model import Host
from homelab.system.own import are_modules_here
from homelab.system.own_flake import system_settings

Sources = Mapping[str, str | bytes]
MOUNT_ONCE = file_check(
    "mount-once",
    "error",
    "If a module of the owner mounts the same place, its values replace those of the stack.",
)
POOL_BRANCH = file_check(
    "pool-branch",
    "error",
    "A branch that nothing mounts is an empty directory: the pool would fill the root disk.",
)
DATASET_IN_MEMORY = file_check(
    "dataset-in-memory", "error", "A dataset in memory is lost with every restart."
)
_REMOVABLE = ("/mnt", "/media", "/run/media")
"""Directories in which each entry is the mount point of a disk."""


def check_file_systems(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Problems of each host whose hardware module is there."""
    for host in plan.hosts.values():
        # Another check reports a missing file, and a planned host may have none.
        if host.is_nixos and are_modules_here(host, sources):
            yield from _mounted_twice(host, sources)
            mounts = dict.fromkeys(m.rstrip("/") or "/" for m in file_systems(host, sources))
            yield from _branches(host, mounts)
            yield from _in_memory(plan, host, mounts, sources)


def _mounted_twice(host: Host, sources: Sources) -> Iterator[Problem]:
    if not host.file_systems and host.swap is None:
        return
    settings = [*system_settings(host, sources)]
    own = {s.path[1] for s in settings if s.path[0] == "fileSystems" and len(s.path) > 1}
    by_disko = {
        s.value for s in settings if s.path[0] == "disko" and s.path[-1] in ("mountpoint", "path")
    }
    for system in host.file_systems:
        if system.mount in own | by_disko:
            yield Problem(
                system.source,
                f"a module of {host.name} mounts {system.mount} too",
                f'take fileSystems."{system.mount}" out of the module, or leave it out here',
                check=MOUNT_ONCE,
            )
    if host.swap is not None and any(
        s.path[0] == "swapDevices" and s.value != () for s in settings
    ):
        yield Problem(
            host.swap.source,
            f"a module of {host.name} sets swapDevices too",
            "take swapDevices out of the module, or leave swap out here",
            check=MOUNT_ONCE,
        )
    late = [f for f in host.file_systems if f.encryption is not None and f.encryption.key_file]
    if late and any(s.path[:3] == ("environment", "etc", "crypttab") for s in settings):
        yield Problem(
            f"{late[0].source}.encrypted.key_file",
            f"a module of {host.name} writes /etc/crypttab too, which replaces the stack's",
            "take environment.etc.crypttab out of the module, and write its volumes here",
            check=MOUNT_ONCE,
        )


def _branches(host: Host, mounts: Mapping[str, object]) -> Iterator[Problem]:
    known = [m for m in mounts if m != "/"]
    for name, pool in host.config.pools.items():
        if not isinstance(pool, MergerfsPool):
            continue
        for i, branch in enumerate(pool.branches):
            if below(branch, known):
                continue
            on_disk = below(branch, _REMOVABLE)
            yield Problem(
                f"{host.source}.pools.{name}.branches[{i}]",
                f"nothing mounts {branch}, so that part of the pool is on the root file system",
                did_you_mean(branch, known, "mounts") + f"; or add {host.source}.file_systems: "
                f"{{{branch}: {{disk: NAME, fs: ext4}}}}",
                check=POOL_BRANCH,
                severity="error" if on_disk else "warning",
            )


def _in_memory(
    plan: Plan, host: Host, mounts: Mapping[str, object], sources: Sources
) -> Iterator[Problem]:
    for dataset in plan.datasets:
        if dataset.host != host.name:
            continue
        mount = mount_at(dict.fromkeys(mounts, ""), dataset.path)
        if mount and fs_type(host, sources, mount) in ("tmpfs", "ramfs"):
            yield Problem(
                f"{dataset.source}.path",
                f"{dataset.path} is on {mount}, which is in memory: a restart loses it",
                "write a path on a disk, or mount one there: "
                f"{host.source}.file_systems: {{{dataset.path}: {{disk: NAME, fs: ext4}}}}",
                check=DATASET_IN_MEMORY,
            )
