"""Commands for backups: `homelab backup list | run | verify`, and `homelab restore`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

if TYPE_CHECKING:
    from homelab.plan import Plan

backup_app = typer.Typer(no_args_is_help=True, help="List, make and verify backups.")
restore_app = typer.Typer()
orphans_app = typer.Typer()

Saved = Annotated[str, typer.Argument(help="The service or dataset.")]
Host = Annotated[str | None, typer.Option("--host", help="Host, if several run the service.")]
Target = Annotated[str | None, typer.Option("--from", help="Backup target to read from.")]


@backup_app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(help="The service or dataset.")] = None,
    host: Host = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List the snapshots of a service or dataset, or of everything. Reads only.

    Exits with 1 if a host or a target does not answer.
    """
    from homelab.ops.backup import list_snapshots
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = list_snapshots(plan, name, host)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        for snapshot in found.snapshots:
            time = snapshot.time[:16].replace("T", " ")
            print(f"{snapshot.job}  {snapshot.host}  {snapshot.target}  {snapshot.id}  {time}")
        for line in found.unread:
            _say(line)
    raise typer.Exit(1 if found.unread else 0)


@backup_app.command()
def run(
    name: Saved,
    target: Annotated[str | None, typer.Option("--to", help="Only to this target.")] = None,
    host: Host = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Back up a service or dataset now, to each of its targets.

    With --to and the target of an offload, copy its snapshots there.
    """
    from homelab.ops.backup import due, job_at, jobs_of, run_backup
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    jobs = (job_at(plan, name, host, target),) if target else due(jobs_of(plan, name, host))
    run_backup(plan, jobs, _say)


@backup_app.command()
def verify(
    name: Saved,
    target: Target = None,
    host: Host = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Restore the newest snapshot into an empty directory on its host, and open its dumps.

    The directory is removed afterwards. Nothing else changes.
    """
    from homelab.ops.backup import drill, job_at
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    drill(plan, job_at(plan, name, host, target), _say)


@restore_app.command()
def restore(
    name: Annotated[
        str | None, typer.Argument(help="The service or dataset. Without it: all of --host.")
    ] = None,
    at: Annotated[
        str,
        typer.Option(help="A snapshot, or a time: the newest snapshot that is not younger."),
    ] = "latest",
    target: Target = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Empty directory on the host to restore into.")
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Replace the present state. It is kept beside.")
    ] = False,
    path: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="PATH…", help="Only this file or directory of the host."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the last restore in place.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    host: Host = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Restore a service, a dataset or a whole host: files, SQLite and PostgreSQL databases.

    --in-place stops its units, moves the present state aside, puts the snapshot in its place and
    starts the units again. --undo brings the state from before back. With --host alone, everything
    that is backed up of the host is restored in place: datasets, then services, each after those
    that it calls.

    --path restores one file or directory as it has its path on the host, also of a dataset. What is
    in its way is kept beside it.
    """
    from homelab.ops.backup import job_at, paths_in
    from homelab.ops.backup import restore as put_back
    from homelab.ops.backup import undo as take_back
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.problems import UsageError

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    if [to is not None, in_place, undo].count(True) != 1:
        raise UsageError("write one of --to DIRECTORY, --in-place and --undo")
    if not at.strip():
        raise UsageError("--at is empty; name a snapshot, or a time such as 2026-03-01 12:00")
    if path and (undo or name is None):
        raise UsageError("--path goes with a service or dataset, and --to or --in-place")
    if name is None:
        _restore_host(plan, host, target, at, in_place=in_place, yes=yes)
        return
    if to is not None and not to.startswith("/"):
        raise UsageError(f"--to {to}: a directory on the host is absolute; start it with /")
    if undo and (at != "latest" or target is not None):
        raise UsageError(
            "--undo brings back the state from before the last restore; leave --at and --from out"
        )
    job = job_at(plan, name, host, target)
    paths = paths_in(job, path or ())
    if to is None and not yes:
        replaced = ", ".join(paths) or "the state"
        what = "Undo the last restore" if undo else f"Replace {replaced} from {job.target} ({at})"
        if not sys.stdin.isatty():
            raise UsageError(f"this changes {job.name} on {job.host}; add --yes")
        typer.confirm(f"{what} of {job.name} on {job.host}?", abort=True)
    if undo:
        take_back(plan, job, _say)
    else:
        put_back(plan, job, at, to, _say, paths)


@orphans_app.command()
def orphans(
    host: Annotated[str | None, typer.Argument(help="Only this host.")] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List files, state, databases, dumps and repositories that nothing in the stack owns any more.

    Reads only: nothing is removed. Each line is followed by the command that removes it. Exits with
    1 if a host does not answer.
    """
    from homelab.ops.orphans import find_orphans
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = find_orphans(plan, host)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        for orphan in found.orphans:
            print(f"{orphan.host}: {orphan.kind} {orphan.name}: {orphan.why}")
            if orphan.remove:
                print(f"{orphan.host}:   {orphan.remove}")
        for line in found.unread:
            _say(line)
        if not found.orphans and not found.unread:
            print("nothing is left over")
        elif found.orphans:
            _say("nothing was removed; run the commands as root on the host")
    raise typer.Exit(1 if found.unread else 0)


def _restore_host(
    plan: Plan, host: str | None, target: str | None, at: str, *, in_place: bool, yes: bool
) -> None:
    from homelab.ops.backup import jobs_on, restore_all
    from homelab.problems import HomelabError, UsageError

    if host is None or not in_place:
        raise UsageError("name a service or dataset, or a whole host: --host NAME --in-place")
    jobs = jobs_on(plan, host, target)
    names = ", ".join(job.name for job in jobs)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"this changes {len(jobs)} backed up states on {host}; add --yes")
        typer.confirm(f"Replace the state ({at}) of {names} on {host}?", abort=True)
    failed = restore_all(plan, jobs, at, _say)
    _say(f"{host}: {len(jobs) - len(failed)} of {len(jobs)} are restored")
    if failed:
        raise HomelabError("\n".join(["not restored:", *failed]))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
