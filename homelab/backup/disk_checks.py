"""Checks of the disks that backups lie on."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from homelab.backup.model import Job
from homelab.check import check
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem

_REMOVABLE = ("/mnt", "/media", "/run/media")
"""Where disks of their own are mounted, one directory each."""


@check("backup-same-disk")
def backup_same_disk(plan: Plan) -> Iterator[Problem]:
    """If the disk fails, the data and its only backup are lost."""
    jobs: dict[str, list[Job]] = {}
    for job in plan.backup.jobs:
        jobs.setdefault(f"{job.host} {job.source}", []).append(job)
    for mine in jobs.values():
        first = mine[0]
        disks = {disk_of(plan, first.host, path) for path in first.paths}
        shared = [j for j in mine if _disk(plan, j) in disks]
        if len(shared) < len(mine):
            continue
        names = ", ".join(sorted(j.target for j in shared))
        yield Problem(
            first.source,
            f"its only backup, at {names}, is on its own disk, {_disk(plan, first)}",
            "add to backup.targets one elsewhere, as b2: {kind: b2, path: bucket/…, "
            "credentials: {sops: …}}, or a directory on another disk",
            severity="error" if _is_irreplaceable(plan, first) else "warning",
        )


def _is_irreplaceable(plan: Plan, job: Job) -> bool:
    tiers = {d.source: d.tier for d in plan.datasets}
    tiers |= {s.at("backup"): s.config.backup.tier for s in plan.services}
    return tiers.get(job.source) == "irreplaceable"


def _disk(plan: Plan, job: Job) -> str:
    """The disk of the job's repository; empty where that is not on its own host."""
    here = job.repository.startswith("/")
    return disk_of(plan, job.host, job.repository) if here else ""


def disk_of(plan: Plan, host: str, path: str) -> str:
    """The mount point of the disk that a path is on, as far as the stack config tells."""
    mounts = [d.mount for d in plan.datasets if d.host == host and below(path, (d.mount,))]
    if mounts and (nearest := max(mounts, key=len)) != "/":
        return nearest
    for top in _REMOVABLE:
        if below(path, (top,)) and path != top:
            return posixpath.join(top, path[len(top) + 1 :].split("/", maxsplit=1)[0])
    return "/"
