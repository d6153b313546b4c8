"""`homelab backup` and `homelab restore`: snapshots of a service or dataset, and their way back."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from homelab.backup.hooks import NO_HOOKS
from homelab.backup.model import Job
from homelab.backup.plan import is_below
from homelab.deploy import scripts
from homelab.ops.hosts import link_to
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import Completed, DialError, DialMap
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean

PROGRAM = "homelab-backup"
"""Command of `lib/backup.nix` on each host with a backup job."""


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of a job on a target."""

    job: str
    host: str
    target: str
    id: str
    time: str
    """When it was made, as restic writes it (RFC 3339)."""


@dataclass(frozen=True)
class Listed:
    """The snapshots of the jobs, and what could not be read."""

    snapshots: tuple[Snapshot, ...]
    unread: tuple[str, ...]
    """Targets and hosts that did not answer, each with the reason."""


def jobs_of(plan: Plan, name: str, host: str | None = None) -> tuple[Job, ...]:
    """The jobs of a service or dataset on one host, one for each target.

    Raises UsageError if there is none, or if several hosts have one and none is named.
    """
    names = {job.name for job in plan.backup.jobs}
    kinds = (name, f"extra-{name}")
    wanted = next((n for n in kinds if n in names), f"dataset-{name}")
    found = [j for j in plan.backup.jobs if j.name == wanted and host in (None, j.host)]
    if found:
        hosts = sorted({job.host for job in found})
        if len(hosts) > 1:
            raise UsageError(f"{name} is backed up on {', '.join(hosts)}; add --host {hosts[0]}")
        return tuple(found)
    if wanted in names:
        hosts = sorted({j.host for j in plan.backup.jobs if j.name == wanted})
        raise UsageError(f"{host} has no backup of {name}; add --host {hosts[0]}")
    skipped = dict(plan.backup.skipped)
    if name in skipped or f"dataset-{name}" in skipped:
        why = skipped.get(name) or skipped[f"dataset-{name}"]
        raise UsageError(f"{name} is not backed up: {why}")
    known = {n.removeprefix("dataset-").removeprefix("extra-") for n in names}
    raise UsageError(
        f'nothing called "{name}" is backed up; {did_you_mean(name, known, "backups")}'
    )


def due(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs that run without somebody asking for their target: all but copies by hand."""
    return tuple(job for job in jobs if job.copied is None or job.copied.at)


def paths_in(job: Job, paths: Sequence[str]) -> tuple[str, ...]:
    """Files and directories that are asked for, without needless parts. Raises UsageError for one
    that the job does not back up.
    """
    found = []
    dumped = {file for _, _, file in job.dumps} | {command.file for command in job.commands}
    # A database is named by its own file.
    saved = [path for path in job.paths if path not in dumped]
    for path in paths:
        if not path.startswith("/") or not path.isprintable():
            raise UsageError(f"--path {path!r}: name a file or directory on the host, from / on")
        plain = posixpath.normpath(f"/{path.lstrip('/')}")
        if not any(plain == p or is_below(plain, p) for p in saved):
            raise UsageError(
                f"--path {path}: {_shown(job.name)} is the backup of {', '.join(saved)}; "
                "name one of these, or what is in them"
            )
        found.append(plain)
    return tuple(found)


def _shown(job: str) -> str:
    return job.removeprefix("dataset-").removeprefix("extra-")


def job_at(plan: Plan, name: str, host: str | None, target: str | None) -> Job:
    """The job of a service or dataset to one target. Raises UsageError.

    Without a target, one on a host of the stack comes before one in a cloud, and copies are last.
    """
    found = jobs_of(plan, name, host)
    if target is None:
        return min(
            found,
            key=lambda job: (job.copied is not None, not (job.directory or job.server), job.target),
        )
    targets = [job.target for job in found]
    if target not in targets:
        raise UsageError(
            f"{name} is not backed up to {target}; {did_you_mean(target, targets, 'targets')}"
        )
    return next(job for job in found if job.target == target)


def jobs_on(plan: Plan, host: str, target: str | None) -> tuple[Job, ...]:
    """One job for each dataset and service of a host, in the order in which to restore them:
    datasets, then each service after those that it calls. Raises UsageError.
    """
    if host not in plan.hosts:
        raise UsageError(f'no host "{host}"; {did_you_mean(host, plan.hosts, "hosts")}')
    names = dict.fromkeys(job.name for job in plan.backup.on(host))
    if not names:
        raise UsageError(f"nothing on {host} is backed up; see homelab show")
    services = {s.name: s for s in plan.on(host) if s.name in names}
    ordered: dict[str, None] = {}

    def place(name: str, before: frozenset[str]) -> None:
        # Services that call each other have no order.
        for called in sorted({*services[name].asks} & services.keys() - before - ordered.keys()):
            place(called, before | {name})
        ordered.setdefault(name)

    for name in sorted(services):
        place(name, frozenset({name}))
    rest = [name for name in names if name not in services]
    return tuple(job_at(plan, name, host, target) for name in [*rest, *ordered])


def restore_all(
    plan: Plan, jobs: Sequence[Job], at: str, report: Callable[[str], None]
) -> tuple[str, ...]:
    """Restore jobs of one host in place, one after the other; go on after one that fails.

    Returns a line for each that failed.
    """
    failed = []
    for job in jobs:
        try:
            restore(plan, job, at, None, report)
        except HomelabError as error:
            failed.append(f"{job.name}: {error}")
    return tuple(failed)


def list_snapshots(plan: Plan, name: str | None, host: str | None) -> Listed:
    """The snapshots of one service or dataset, or of all of them. Raises UsageError."""
    jobs = jobs_of(plan, name, host) if name else plan.backup.jobs
    hosts = {job.host for job in plan.backup.jobs}
    if host is not None and host not in hosts:
        raise UsageError(f"nothing on {host} is backed up; {did_you_mean(host, hosts, 'hosts')}")
    wanted = sorted({(job.host, job.name) for job in jobs if host in (None, job.host)})
    by_host: dict[str, list[str]] = {}
    for where, job in wanted:
        by_host.setdefault(where, []).append(job)
    dial_map = DialMap.from_environment()

    async def every() -> list[Listed]:
        return await asyncio.gather(
            *(_listed(plan, where, jobs, dial_map) for where, jobs in by_host.items())
        )

    answers = asyncio.run(every())
    return Listed(
        tuple(s for a in answers for s in a.snapshots), tuple(u for a in answers for u in a.unread)
    )


async def _listed(plan: Plan, host: str, jobs: Sequence[str], dial_map: DialMap | None) -> Listed:
    link = link_to(plan.hosts[host], dial_map)
    snapshots, unread = [], []
    try:
        for job in jobs:
            done = await link.ask(
                scripts.command_script([PROGRAM, "snapshots", job]), seconds=_SECONDS
            )
            for line in done.stdout.splitlines():
                target, short, time, *_ = line.split("\t")
                snapshots.append(Snapshot(job, host, target, short, time))
            unread += [f"{host}: {job}: {_plain(line)}" for line in done.stderr.splitlines()]
    except DialError as error:
        unread.append(str(error).splitlines()[0])
    finally:
        await link.close()
    return Listed(tuple(snapshots), tuple(unread))


_SECONDS = 300
"""Seconds for the list of one job: a store in a cloud may answer slowly."""


def _plain(line: str) -> str:
    return line.removeprefix("homelab-backup: ").removeprefix("homelab: ")


def run_backup(plan: Plan, jobs: Sequence[Job], report: Callable[[str], None]) -> None:
    """Run the units of these jobs of one host now. Raises HomelabError if one fails.

    The jobs make their dumps themselves, except those of PostgreSQL, which are of last night: these
    units start together, and the ones of the jobs wait.
    """
    alone = (job for job in jobs if job.copied is None and job.hooks == NO_HOOKS)
    dumps = {database: None for job in alone for database in job.postgresql}
    units = [f"postgresqlBackup-{database}.service" for database in dumps]
    units += [f"restic-backups-{job.unit}.service" for job in jobs]
    _follow(plan, jobs[0].host, "backup", ["systemctl", "start", *units], report)


def drill(plan: Plan, job: Job, report: Callable[[str], None]) -> None:
    """Restore the newest snapshot into an empty directory, and open its dumps. It is removed.

    Raises HomelabError if that fails.
    """
    _follow(plan, job.host, "restore", [PROGRAM, "drill", job.name, job.target], report)


def restore(
    plan: Plan,
    job: Job,
    at: str,
    directory: str | None,
    report: Callable[[str], None],
    paths: Sequence[str] = (),
) -> None:
    """Restore a snapshot on the job's host: into a directory, or in place. Raises HomelabError.

    With paths, only these files and directories; each is absolute, on the host.
    """
    if directory is not None:
        words = [PROGRAM, "files", job.name, job.target, at, directory, *paths]
        _follow(plan, job.host, "restore", words, report)
        return
    _callers(plan, job, "stop", report)
    words = [PROGRAM, "in-place", job.name, job.target, at, *paths]
    _follow(plan, job.host, "restore", words, report)
    _callers(plan, job, "start", report)


def undo(plan: Plan, job: Job, report: Callable[[str], None]) -> None:
    """Undo the last restore in place of a job. Raises HomelabError."""
    _callers(plan, job, "stop", report)
    _follow(plan, job.host, "restore", [PROGRAM, "undo", job.name], report)
    _callers(plan, job, "start", report)


def _callers(
    plan: Plan, job: Job, verb: Literal["start", "stop"], report: Callable[[str], None]
) -> None:
    """Stop or start the units on other hosts that use the data of a job: a program that sees half
    of a database may change it. Raises HomelabError for a host that does not do it; after a restore
    that fails they stay stopped.
    """
    for host, units in job.callers:
        named = " ".join(units)
        report(f"{host}: {'stopping' if verb == 'stop' else 'starting'} {named}")
        link = link_to(plan.hosts[host], DialMap.from_environment())

        async def ask(link: HostLink = link, units: tuple[str, ...] = units) -> Completed:
            try:
                script = scripts.command_script(["systemctl", verb, *units])
                return await link.ask(script, seconds=_SECONDS)
            finally:
                await link.close()

        by_hand = f"{verb} it there as root: systemctl {verb} {named}"
        try:
            done = asyncio.run(ask())
        except DialError as error:
            if not plan.hosts[host].always_on:
                report(f"{host}: it does not answer, and may be off; if it is on, {by_hand}")
                continue
            raise HomelabError(f"{str(error).splitlines()[0]}; {by_hand}") from None
        if done.exit != 0:
            reason = _plain(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else ""
            raise HomelabError(f"{host}: {reason or f'it exited with {done.exit}'}; {by_hand}")


def _follow(
    plan: Plan, host: str, log: str, words: Sequence[str], report: Callable[[str], None]
) -> None:
    link = link_to(plan.hosts[host], DialMap.from_environment())
    last = ""

    def said(line: str) -> None:
        nonlocal last
        last = _plain(line) or last
        report(f"{host}: {_plain(line)}")

    try:
        code = asyncio.run(link.follow(scripts.follow_script(log, words), said))
    except DialError as error:
        raise HomelabError(
            f"{host}: {error}; what was begun goes on there, and its output is in "
            f"/var/lib/homelab/{log}.log"
        ) from None
    if code != 0:
        raise HomelabError(f"{host}: {last or f'it exited with {code}'}")
