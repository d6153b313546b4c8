"""`homelab lab`: rehearse a stack on lab hosts. Only these commands import the lab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from homelab.cli.problems import print_error
from homelab.problems import HomelabError

if TYPE_CHECKING:
    from homelab.lab.rehearsal import Rehearsal

lab_app = typer.Typer(
    no_args_is_help=True,
    help="Rehearse a stack on this machine, without accounts, NixOS or network.",
)

StackName = Annotated[
    str | None,
    typer.Option("--stack", "-s", help="Name of the stack. Default: the only or first one."),
]
Directory = Annotated[
    Path, typer.Option("--cwd", "-C", help="Directory with the stack file.", file_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
HERE = Path()


@lab_app.command("preview")
def lab_preview(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Show what `lab up` would do. Opens no connection and changes nothing."""
    _lab(lambda rehearsal: rehearsal.preview(), stack, cwd, as_json)


@lab_app.command("up")
def lab_up(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Bring the stack up on lab hosts."""
    _lab(lambda rehearsal: rehearsal.up(), stack, cwd, as_json)


@lab_app.command("destroy")
def lab_destroy(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Destroy the stack, and remove all files of the lab."""
    _lab(lambda rehearsal: rehearsal.destroy(), stack, cwd, as_json)


@lab_app.command("status")
def lab_status(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Show what each lab host runs, and which policy the lab's tailnet has."""
    _lab(lambda rehearsal: rehearsal.status(), stack, cwd, as_json)


@lab_app.command("inject")
def lab_inject(
    host: Annotated[str, typer.Argument(help="Lab host.")],
    fault: Annotated[str, typer.Argument(help="The fault.")] = "loses-network",
    lose_network: Annotated[
        bool, typer.Option("--lose-network", help="The same as loses-network.")
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Inject a fault into a lab host; `clear` removes it."""
    fault = "loses-network" if lose_network else fault
    _lab(lambda rehearsal: rehearsal.inject_fault(host, fault), stack, cwd, as_json=False)


@lab_app.command("clear")
def lab_clear(
    host: Annotated[str, typer.Argument(help="Lab host.")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Remove the faults of a lab host."""
    _lab(lambda rehearsal: rehearsal.clear_faults(host), stack, cwd, as_json=False)


@lab_app.command("pull")
def lab_pull(
    host: Annotated[str, typer.Argument(help="Lab host.")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Let an offline host fetch its bundle, as it does when it is switched on."""
    _lab(lambda rehearsal: rehearsal.pull(host), stack, cwd, as_json=False)


@lab_app.command("rollback")
def lab_rollback(
    host: Annotated[str, typer.Argument(help="Lab host.")],
    to: Annotated[
        Literal["before", "current"] | None,
        typer.Option(
            help="current: the last committed release; before: the one before it. Default: before, "
            "and current while a test runs or a boot is prepared."
        ),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Rehearse `homelab rollback`: switch a lab host back to an earlier release."""
    _lab(lambda rehearsal: rehearsal.roll_back(host, to or ""), stack, cwd, as_json=False)


@lab_app.command("unlock")
def lab_unlock(
    host: Annotated[str, typer.Argument(help="Lab host.")],
    force: Annotated[bool, typer.Option(help="Also stop and roll back a running switch.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Rehearse `homelab unlock`: unlock a lab host that a killed `up` left locked."""
    _lab(lambda rehearsal: rehearsal.unlock(host, force=force), stack, cwd, as_json=False)


@lab_app.command("retire")
def lab_retire(
    host: Annotated[str, typer.Argument(help="Lab host, retired in the stack.")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Rehearse `homelab retire`: clean up a retired lab host."""
    _lab(lambda rehearsal: rehearsal.retire(host), stack, cwd, as_json=False)


@lab_app.command("move")
def lab_move(
    name: Annotated[str, typer.Argument(help="The service.")],
    to: Annotated[str | None, typer.Option("--to", help="Host that it moves to.")] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Rehearse `homelab move` in a copy of the stack, with made-up files on lab hosts."""
    from homelab.lab.moving import rehearse_move
    from homelab.ops.project.stack import find_stack

    def say(line: str) -> None:
        print(line, flush=True)

    _lab(lambda _: rehearse_move(cwd.resolve(), find_stack(cwd, stack), name, to, say), stack, cwd)


@lab_app.command("edit-policy")
def lab_edit_policy(stack: StackName = None, cwd: Directory = HERE) -> None:
    """Change the tailnet's policy outside of the stack."""
    _lab(lambda rehearsal: rehearsal.edit_policy(), stack, cwd, as_json=False)


def _lab(
    action: Callable[[Rehearsal], bool], stack: str | None, cwd: Path, as_json: bool = False
) -> None:
    from homelab.lab.rehearsal import Rehearsal as Real  # only here, because it needs an engine
    from homelab.ops.project.stack import find_stack

    try:
        rehearsal = Real(cwd.resolve(), find_stack(cwd, stack), as_json=as_json)
        with rehearsal.reported_files():
            done = action(rehearsal)
    except HomelabError as error:
        print_error(error, Real.words)
        raise typer.Exit(error.exit_code) from None
    raise typer.Exit(0 if done else 1)
