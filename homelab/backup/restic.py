"""Backups as NixOS knows them: one restic unit for each job and target.

A unit each, so that a target that is down fails its own units and no others.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from homelab.backup.account import FILE, SHELL, server
from homelab.backup.model import Job
from homelab.config.backup import Keep
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`backup.nix`, on a host with something to keep, or a place to keep it."""
    jobs, accounts = plan.backup.on(host.name), server(plan, host)
    if not jobs and not accounts:
        return
    alert = plan.stack.monitoring.ntfy is not None
    yield Module(
        file="backup.nix",
        what="Backups: what is kept of this host, where and for how long, and who may write here",
        derived=merge(
            *(_backup(job, host, jobs) for job in jobs),
            *(_unit(job, alert=alert) for job in jobs),
            _postgresql(plan, host, alert=alert),
            accounts,
        ),
        extra=((FILE, SHELL),) if accounts else (),
    )


def _backup(job: Job, host: Host, jobs: tuple[Job, ...]) -> Attrs:
    shared = sum(j.name == job.name for j in jobs) > 1
    body: Attrs = {
        "repository": job.repository,
        "passwordFile": job.password,
        "initialize": True,
        "paths": Comment(f"Copied while in use: {job.live}", [*job.paths])
        if job.live
        else list(job.paths),
        "timerConfig": {
            "OnCalendar": job.at,
            # A host that slept through its hour makes up for it.
            "Persistent": True,
            "RandomizedDelaySec": "15m",
        },
        "pruneOpts": _keep(job.keep),
    }
    if job.exclude:
        body["exclude"] = list(job.exclude)
    if job.environment:
        body["environmentFile"] = job.environment
    if job.ssh_key:
        options = f"-i {job.ssh_key} -o IdentitiesOnly=yes -o BatchMode=yes"
        body["extraOptions"] = [f"sftp.args='{options}'"]
    if not host.always_on:
        body["inhibitsSleep"] = True
    files = [
        *((file, _sqlite(source)) for kind, source, file in job.dumps if kind == "sqlite"),
        *((c.file, _redirected(c.command)) for c in job.commands),
    ]
    if files:
        body["backupPrepareCommand"] = _dump(job, files, shared=shared)
        body["backupCleanupCommand"] = _cleanup(job, files)
    return attrs(f'services.restic.backups."{job.unit}"', body)


def _keep(keep: Keep) -> list[Nix]:
    counts = {
        "daily": keep.daily,
        "weekly": keep.weekly,
        "monthly": keep.monthly,
        "yearly": keep.yearly,
    }
    # The repository holds this one job: a changed list of paths is no reason to count anew.
    return [
        *(f"--keep-{name} {count}" for name, count in counts.items() if count),
        "--group-by host",
    ]


Parts = tuple[str | Raw | Pkg, ...]


def _sqlite(source: str) -> Parts:
    """Copy a SQLite database while it is in use."""
    return (
        Pkg("sqlite"),
        f'/bin/sqlite3 -readonly -cmd ".timeout 30000" {shlex.quote(source)} ',
        "\"VACUUM INTO '$new'\"\n",
    )


def _redirected(command: Script) -> Parts:
    return (*command.parts, ' >"$new"\n')


def _dump(job: Job, files: list[tuple[str, Parts]], *, shared: bool) -> Script:
    """Make every dump anew.

    Where several targets make the same dump at the same hour, the lock lets one at a time; the
    rename leaves a reader of the old file undisturbed.
    """
    parts: list[str | Raw | Pkg] = ["#!", Pkg("runtimeShell"), "\nset -euo pipefail\numask 077\n"]
    here = ""
    for file, dump in files:
        directory = posixpath.dirname(file)
        if directory != here:
            parts.append(f"mkdir -p {shlex.quote(directory)}\ncd {shlex.quote(directory)}\n")
        if shared and not here:
            lock = shlex.quote(f"/run/backup-{job.name}.lock")
            parts += [f"exec 9>{lock}\n", Pkg("util-linux"), "/bin/flock 9\n"]
        here = directory
        parts += [
            f"dump={shlex.quote(posixpath.basename(file))}\n",
            f"new={shlex.quote(_unfinished(job, file))}\n",
            'rm -f "$new"\n',
            *dump,
            'mv -f "$new" "$dump"\n',
        ]
    return Script(tuple(parts))


def _cleanup(job: Job, files: list[tuple[str, Parts]]) -> Script:
    """Remove what a failed dump left behind. Whole dumps stay: another target may read them."""
    left = (posixpath.join(posixpath.dirname(f), _unfinished(job, f)) for f, _ in files)
    text = " ".join(shlex.quote(path) for path in left)
    return Script(("#!", Pkg("runtimeShell"), f"\nrm -f {text}\n"))


def _unfinished(job: Job, file: str) -> str:
    return f"{posixpath.basename(file)}.{job.target}"


def _unit(job: Job, *, alert: bool) -> Attrs:
    body: Attrs = {}
    after: list[Nix] = [
        f"postgresqlBackup-{database}.service"
        for kind, database, _ in job.dumps
        if kind == "postgresql"
    ]
    if after:
        body["after"] = after
    if job.mounts:
        body["unitConfig"] = {"RequiresMountsFor": [for_systemd(m) for m in job.mounts]}
    if alert:
        body["onFailure"] = ["notify@%N.service"]
    return attrs(f'systemd.services."restic-backups-{job.unit}"', body) if body else {}


def _postgresql(plan: Plan, host: Host, *, alert: bool) -> Attrs:
    databases = plan.backup.databases_on(host.name)
    if not databases:
        return {}
    options = attrs(
        "services.postgresqlBackup",
        {
            "enable": True,
            "databases": list(databases),
            "startAt": Comment(
                "Before the backups that carry the dumps away.",
                f"*-*-* {plan.backup.dump_at}:00",
            ),
        },
    )
    units = [
        merge(
            attrs(f'systemd.timers."postgresqlBackup-{d}".timerConfig.Persistent', True),
            attrs(f'systemd.services."postgresqlBackup-{d}".onFailure', ["notify@%N.service"])
            if alert
            else {},
        )
        for d in databases
    ]
    return merge(options, *units)
