"""Checks of the order in which file systems are mounted."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.disks.model import FileSystem
from homelab.grouping import leads_to
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host


@check("mount-order")
def mount_order(plan: Plan) -> Iterator[Problem]:
    """File systems that wait for each other, for a branch or for a key file, are never mounted."""
    for host in plan.hosts.values():
        waits = {f.mount: [mount for _, _, mount in _needs(host, f)] for f in host.file_systems}
        for system in host.file_systems:
            for where, path, mount in _needs(host, system):
                if mount != system.mount and leads_to(waits, mount, system.mount):
                    yield Problem(
                        where,
                        f"{path} is on {mount}, which is mounted after {system.mount}, so neither "
                        "is ever mounted",
                        "write a path on another file system",
                    )


def _needs(host: Host, system: FileSystem) -> Iterator[tuple[str, str, str]]:
    """(place in the stack config, path, mount point of its file system) of each path that must be
    there before a file system is mounted.
    """
    key = system.encryption.key_file if system.encryption is not None else None
    named = [(f"{system.source}.encrypted.key_file", key)] if key is not None else []
    pool = f"{host.source}.pools.{system.pool}.branches"
    named += [(f"{pool}[{i}]", branch) for i, branch in enumerate(system.branches)]
    # The mount point itself is a directory of the file system above it.
    above = system.mount.rpartition("/")[0]
    named += [(system.source, above)] if above else []
    for where, path in named:
        holder = host.file_system_of(path)
        if holder is not None:
            yield where, path, holder.mount
