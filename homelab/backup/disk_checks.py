"""Checks of the disks that hold backups."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from homelab.backup.model import Job
from homelab.check import file_check
from homelab.hardening.paths import below
from homelab.openings.settings import of_options
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.devices import disk_at, disks_of, mount_at
from homelab.system.file_systems import mount_settings
from homelab.system.own import are_modules_here

BACKUP_SAME_DISK = file_check(
    "backup-same-disk",
    "error",
    "If the disk fails, the data and its only backup are lost.",
)
_REMOVABLE = ("/mnt", "/media", "/run/media")
"""Directories in which each entry is the mount point of a disk."""
Disks = Mapping[str, str]


def check_backup_disks(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Data whose only backup is on its own disk, by the mounts that the host's modules name."""
    jobs: dict[str, list[Job]] = {}
    for job in plan.backup.jobs:
        jobs.setdefault(f"{job.host} {job.source}", []).append(job)
    known = {host: _disks(plan, host, sources) for host in plan.backup.hosts}
    for mine in jobs.values():
        first, disks = mine[0], known[mine[0].host]
        own = {disk_of(plan, first.host, path, disks) for path in first.paths}
        shared = [j for j in mine if _disk(plan, j, disks) in own]
        if len(shared) < len(mine):
            continue
        names = ", ".join(sorted(j.target for j in shared))
        place = mount_at(disks, first.repository) or disk_of(plan, first.host, first.repository)
        yield Problem(
            first.source,
            f"its only backup, at {names}, is on its own disk, {place}",
            "add to backup.targets one elsewhere, such as b2: {kind: b2, path: bucket/…, "
            "credentials: {sops: …}}, or a directory on another disk",
            check=BACKUP_SAME_DISK,
            severity="error" if _is_irreplaceable(plan, first) else "warning",
        )


def _disks(plan: Plan, name: str, sources: Mapping[str, str | bytes]) -> Disks:
    """The disks in a host's options and modules; none if its hardware file is not there."""
    host = plan.hosts[name]
    if not are_modules_here(host, sources):
        return {}
    return disks_of((*mount_settings(host, sources), *of_options(plan, name)))


def _is_irreplaceable(plan: Plan, job: Job) -> bool:
    tiers = {d.source: d.tier for d in plan.datasets}
    tiers |= {s.at("backup"): s.config.backup.tier for s in plan.services}
    tiers |= {f"backup.extra.{n}": e.tier for n, e in plan.stack.backup.extra.items()}
    return tiers.get(job.source) == "irreplaceable"


def _disk(plan: Plan, job: Job, disks: Disks) -> str:
    """The disk of the job's repository; empty if it is not on the job's host."""
    here = job.repository.startswith("/")
    return disk_of(plan, job.host, job.repository, disks) if here else ""


def disk_of(plan: Plan, host: str, path: str, disks: Disks | None = None) -> str:
    """The disk of a path: by the mounts in modules, or else by those in the stack config."""
    disks = disks or {}
    if mount_at(disks, path) not in ("", "/"):
        return disk_at(disks, path)
    mounts = [d.mount for d in plan.datasets if d.host == host and below(path, (d.mount,))]
    if mounts and (nearest := max(mounts, key=len)) != "/":
        return nearest
    for top in _REMOVABLE:
        if below(path, (top,)) and path != top:
            return posixpath.join(top, path[len(top) + 1 :].split("/", maxsplit=1)[0])
    return disk_at(disks, path) or "/"
