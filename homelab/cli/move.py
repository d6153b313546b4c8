"""`homelab move`: a service with its state goes to another host."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

move_app = typer.Typer()


@move_app.command()
def move(
    name: Annotated[str, typer.Argument(help="The service.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Host that it moves to. With --undo, the host with a copy that was interrupted.",
        ),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Only print what would move. Changes nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="End a move whose state is not in its place yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Move a service with its files and databases to another host.

    Copies while it runs, stops it, copies the rest, compares everything, and writes the new host
    into the stack file and the lock. `pulumi up` then starts it there and switches its names. Run
    the command again afterwards: it ends the move. It may be run again after any interruption.
    Without --to, the stack file has the new host or kind already. Nothing is deleted.
    """
    from homelab.ops.move.steps import Mover
    from homelab.ops.project.stack import find_stack
    from homelab.problems import UsageError

    if undo and plan_only:
        raise UsageError("--undo changes something, and --plan does not; keep one")
    mover = Mover(cwd, find_stack(cwd, stack), name, _say)
    host = mover.service.host
    if undo:
        _confirm(f"End the move of {name}?", name, yes=yes)
        mover.undo(to)
        return
    if mover.pending and to in (None, host):
        if plan_only:
            print(f"{name} comes to {host} from {mover.pending}; next: pulumi up")
            return
        mover.finish()
        return
    if mover.pending:
        raise UsageError(
            f"{name} still comes to {host} from {mover.pending}; end that first: homelab move "
            f"{name}, or homelab move {name} --undo"
        )
    found, edited = mover.prepare(to)
    lines = found.lines if found is not None else ("it has no state",)
    print(f"{name} moves to {found.target if found else to}")
    for line in lines:
        print(f"  {line}")
    if plan_only:
        return
    _confirm(f"Stop {name} and move it?", name, yes=yes)
    mover.carry_out(found, edited)


def _confirm(question: str, name: str, *, yes: bool) -> None:
    from homelab.problems import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this changes {name} on its hosts; add --yes")
    typer.confirm(question, abort=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
