"""The check of copies: irreplaceable data outlives its host."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.model import Job
from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem

_TARGETS = "backup.targets"
_ELSEWHERE = (
    "add to backup.targets one elsewhere, such as b2: {kind: b2, path: bucket/…, credentials: "
    "{sops: …}}, or a host of the stack"
)


@check("irreplaceable-copies", severity="warning")
def irreplaceable_copies(plan: Plan) -> Iterator[Problem]:
    """A theft, a fire or an attack takes a host with all of its disks, so irreplaceable data needs
    two copies, one of them elsewhere.
    """
    places = (target.host for target in plan.stack.backup.targets.values())
    if any(host is not None and host not in plan.hosts for host in places):
        return  # Nothing is sent to such a target, and another check reports it.
    for dataset in plan.datasets:
        if dataset.tier == "irreplaceable" and dataset.host in plan.hosts:
            jobs = [j for j in plan.backup.jobs if j.name == f"dataset-{dataset.name}"]
            replicas = {r.host for r in plan.replicas if r.dataset.name == dataset.name}
            yield from _few(
                plan,
                dataset.source,
                dataset.name,
                [j for j in jobs if j.host == dataset.host],
                replicas,
                own={f"snapshots on {dataset.host}"} if dataset.snapshots else set(),
                replicable=bool(dataset.fs),
            )
    for service in plan.services:
        if service.config.backup.tier == "irreplaceable":
            place = service.at("backup")
            jobs = [
                j
                for j in plan.backup.jobs
                if (j.name, j.host) == (service.name, service.host) or j.source == place
            ]
            yield from _few(plan, place, service.name, jobs, set())


def _few(
    plan: Plan,
    where: str,
    name: str,
    jobs: list[Job],
    replicas: set[str],
    *,
    own: set[str] | None = None,
    replicable: bool = False,
) -> Iterator[Problem]:
    """The problem of data with no copy elsewhere, or with one copy only."""
    here = {j.target for j in jobs if _is_here(plan, j)}
    away = {j.target for j in jobs} - here | replicas
    if not here and not away:
        return  # The stack says why it is not backed up, or another check reports it.
    host = jobs[0].host if jobs else ""
    can = replicable and not replicas
    replica = "; or write replicate: {to: HOST, path: /mnt/…}" if can else ""
    if not away:
        yield Problem(
            where,
            f"{name} is irreplaceable, and all of its backups ({', '.join(sorted(here))}) are on "
            f"{host} itself",
            _ELSEWHERE + replica,
            cause=_TARGETS,
        )
    elif len(here | away | (own or set())) == 1:
        only = next(iter(away))
        yield Problem(
            where,
            f"{name} is irreplaceable, and has one copy alone, at {only}",
            "add a second target to backup.targets, such as a disk of the host, {kind: local, "
            f"host: {host or 'HOST'}, path: /mnt/DISK/restic}}{replica}",
            cause=_TARGETS,
        )


def _is_here(plan: Plan, job: Job) -> bool:
    """Whether a repository is on the host of its data."""
    target = plan.stack.backup.targets.get(job.target)
    return job.repository.startswith("/") or (target is not None and target.host == job.host)
