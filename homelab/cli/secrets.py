"""Commands for secrets: `homelab secret …`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.cli.secret_values import ask_or_skip, generator_of, one_source, read_value
from homelab.problems import UsageError

if TYPE_CHECKING:
    from typer._click.core import Command, Context

    from homelab.plan import Plan
    from homelab.secrets.inventory import Row


class _NameIsShow(TyperGroup):
    """`homelab secret miniflux-admin` is short for `homelab secret show miniflux-admin`."""

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        # Names of secrets have a hyphen, and no command has one.
        if args and "-" in args[0] and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


secret_app = typer.Typer(
    cls=_NameIsShow,
    no_args_is_help=True,
    help="List, set, rotate and examine secrets.",
)
Host = Annotated[str | None, typer.Option("--host", help="Only in the file of this host.")]
FromFile = Annotated[
    Path | None,
    typer.Option("--from-file", help="Read the value from this file.", dir_okay=False),
]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the value from standard input.")]
Kind = Annotated[
    str | None,
    typer.Option("--generate", help="Make the value: password, hex, ssh and others."),
]
_WIDE = 10_000


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _opened(cwd: Path, stack: str | None) -> tuple[Plan, dict[str, str | bytes]]:
    """The plan, and its sops files. Problems of the stack do not matter here."""
    from homelab.ops.project.sources import read_sops_files
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    return plan, read_sops_files(cwd, plan)


@secret_app.command("list")
def secret_list(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """List every secret: who reads it, where it comes from, its age, and what is wrong with it.

    Shows no values and needs no key. Ages count from the day on which `homelab secret set` wrote a
    value; for other values from the last change of their file, marked with ≥.
    """
    from homelab.secrets.inventory import inventory, with_ages

    plan, sources = _opened(cwd, stack)
    today = _today()
    rows = with_ages(inventory(plan, sources), today)
    if as_json:
        print(json.dumps([row.as_data() for row in rows], indent=2))
    else:
        _print_rows(rows, today)


@secret_app.command("show")
def secret_show(
    name: Annotated[str, typer.Argument(help="Name of a derived secret, as `miniflux-admin`.")],
    host: Annotated[
        str | None, typer.Argument(help="Its host; not needed if only one host has it.")
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    former: Annotated[
        bool,
        typer.Option(
            "--former", help="Password of backups of a host or target that has left the stack."
        ),
    ] = False,
) -> None:
    """Print a derived secret, such as the first password of a service. Needs the master key.

    `homelab secret NAME` is short for it.
    """
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.ops.secrets.derive import former_target, read_derived

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    value = read_derived(plan, cwd, name, host, former=former)
    if former:
        typer.echo(
            f"no backup goes from {host} to {former_target(name)} in this stack; its repositories "
            "from before, if there are any, open with this",
            err=True,
        )
    print(value, end="")


@secret_app.command("set")
def secret_set(
    name: Annotated[
        str | None,
        typer.Argument(help="A stored secret: its key (`draw/storage`), or its name in the list."),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    from_file: FromFile = None,
    stdin: Stdin = False,
    kind: Kind = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Set all that are missing: made, or asked for.")
    ] = False,
    host: Host = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the master key, and so every derived secret."),
    ] = False,
) -> None:
    """Write a stored secret into the sops files of everything that reads it.

    Asks for the value without showing it, unless told where to take it. Checks that its reader will
    accept it. Makes missing files, with their rule in .sops.yaml. Needs sops 3.11 or later.
    """
    from homelab.ops.secrets import assign

    plan, sources = _opened(cwd, stack)
    today = _today()
    if missing:
        if name or from_file or stdin or kind or replace:
            raise UsageError("--missing sets every missing secret; leave the rest out")
        _say(assign.store_missing(cwd, plan, sources, ask_or_skip, today))
        return
    if name is None:
        raise UsageError("name a secret, or write --missing; homelab secret list shows their names")
    one_source(from_file, stdin, kind)
    stored = assign.named(plan, sources, name, host)
    assign.check_master(stored, replace=replace)
    how = generator_of(kind, assign.generator(plan, stored))
    if how is not None:
        _say(assign.store_generated(cwd, plan, stored, how, today))
        return
    value = read_value(from_file, stdin, assign.title(stored))
    _say(assign.store(cwd, plan, stored, value, today))


@secret_app.command("rotate")
def secret_rotate(
    name: Annotated[
        str, typer.Argument(help="A secret: its name in the list, or its key in a sops file.")
    ],
    stack: StackName = None,
    cwd: Directory = HERE,
    from_file: FromFile = None,
    stdin: Stdin = False,
    kind: Kind = None,
    host: Host = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would happen.")
    ] = False,
) -> None:
    """Replace one secret by a new value, and print which hosts and units get it.

    Raises the epoch of a derived or issued secret in the stack file. Makes or asks for the value
    of a stored one, as `homelab secret set`. Refuses a secret that has encrypted data.
    """
    from homelab.ops.project.stack import find_stack
    from homelab.ops.secrets import assign, rotate

    plan, sources = _opened(cwd, stack)
    one_source(from_file, stdin, kind)
    found = rotate.find(plan, sources, name, host)
    if not isinstance(found, assign.Stored):
        if from_file is not None or stdin or kind is not None:
            raise UsageError(f"{found.name} is {found.source}, so it takes no value of yours")
        file = f"Pulumi.{find_stack(cwd, stack)}.yaml"
        _say(rotate.rotate_by_epoch(cwd, file, plan, found, dry_run=dry_run))
        return
    declared = assign.generator(plan, found)
    how = generator_of(kind, declared) if kind else declared
    if from_file is not None or stdin:
        how = None
    _say(
        rotate.rotate_stored(
            cwd,
            plan,
            found,
            how,
            lambda title: read_value(from_file, stdin, title),
            _today(),
            dry_run=dry_run,
        )
    )


@secret_app.command("unset")
def secret_unset(
    key: Annotated[str, typer.Argument(help="A key that nothing in the stack reads.")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Remove a key that nothing reads from the sops files that contain it."""
    from homelab.ops.secrets.assign import remove_unused

    plan, sources = _opened(cwd, stack)
    _say(remove_unused(cwd, plan, sources, key))


@secret_app.command("recipients")
def secret_recipients(
    stack: StackName = None,
    cwd: Directory = HERE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
) -> None:
    """Update .sops.yaml and the recipients of every sops file to match the stack.

    Needs a key that opens the files. A file that loses a reader gets a new data key; rotate what
    that reader could read. With `--dry-run` it exits with 1 if something would change.
    """
    from homelab.ops.secrets.edit import sync_recipients

    plan, _ = _opened(cwd, stack)
    lines, changes = sync_recipients(cwd, plan, dry_run=dry_run)
    _say(lines or ["every sops file has the right recipients"])
    raise typer.Exit(1 if dry_run and changes else 0)


@secret_app.command("doctor")
def secret_doctor(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Examine the keys of this machine, its tools and the sops files. Changes nothing.

    Exits with 1 if there is an error.
    """
    from homelab.ops.secrets.doctor import examine

    plan, sources = _opened(cwd, stack)
    findings = examine(cwd, plan, sources)
    if as_json:
        print(json.dumps([f.as_data() for f in findings], indent=2))
    else:
        _say(f"{f.level}: {f.text}" for f in findings)
    raise typer.Exit(1 if any(f.level == "error" for f in findings) else 0)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_rows(rows: Iterable[Row], today: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from homelab.secrets.ages import age_of

    # Output to a file has no width limit, so that names are not cut.
    out = Console(width=None if sys.stdout.isatty() else _WIDE)
    table = Table("Secret", "Read by", "Source", "File and key", "Age", "Limit", "Status")
    for row in rows:
        age = f"{'' if row.is_exact else '≥ '}{age_of(row, today)} d" if row.changed else ""
        place = f"{row.file} {row.key}".strip() if row.file or row.key else ""
        limit = f"{row.limit} d" if row.limit is not None else ""
        reader = f"{row.service} on {row.host}" if row.service else row.host
        cells = (row.name, reader, row.source, place, age, limit, ", ".join(row.status) or "ok")
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
