"""Commands for services: `homelab service test`, `images`, `import`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.cli.problems import print_problems

if TYPE_CHECKING:
    from homelab.services.report import ServiceReport

service_app = typer.Typer(no_args_is_help=True, help="Inspect one service of a stack.")

_WIDE = 10_000
_PLACEHOLDER = "HOST"


@service_app.command("test")
def service_test(
    name: Annotated[str, typer.Argument(help="The service, as the stack names it.")],
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Check the facts of a service, and show what homelab does with it on each host.

    The facts must satisfy the same rules as those of the catalog. Problems of the stack at this
    service, or that name it, follow the table. A row that starts with `-` is empty and says what to
    write. Exits with 1 if there is an error.
    """
    from homelab.ops.project.stack import find_stack
    from homelab.ops.service import examined

    report = examined(cwd, find_stack(cwd, stack), name)
    if as_json:
        print(json.dumps(report.as_data(), indent=2))
    else:
        _print(report)
    raise typer.Exit(0 if report.is_sound else 1)


def _print(report: ServiceReport) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Output to a file has no width limit, so that addresses are not cut.
    out = Console(width=None if sys.stdout.isatty() else _WIDE)
    for instance in report.instances:
        title = Text(f"{report.name} on {instance.host}")
        table = Table(title=title, title_justify="left", show_header=False)
        for row in instance.rows:
            table.add_row(row.name, Text("\n".join(row.lines) or f"- {row.way_out}"))
        out.print(table)
    print_problems(report.problems)
    if not report.problems:
        print(
            f"nothing is wrong with {report.name}; `homelab check` shows {report.elsewhere} "
            f"error{'s' if report.elsewhere > 1 else ''} elsewhere in the stack"
            if report.elsewhere
            else "nothing is wrong"
        )


@service_app.command("images")
def service_images(stack: StackName = None, cwd: Directory = HERE, as_json: Json = False) -> None:
    """Ask the registries for newer images of the stack's containers.

    Shows what to write: the digest that a tag has now, and a higher version with its digest.
    Changes nothing. Exits with 1 if a registry gives no answer.
    """
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.ops.registry import as_data, newest

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = newest(plan, lambda line: print(line, file=sys.stderr, flush=True))
    if as_json:
        print(as_data(found))
    else:
        for one in found:
            lines = [*one.lines()]
            print(f"{one.place}: {one.image.name}" + ("" if lines else ": newest"))
            for line in lines:
                print(f"  {line}")
        if not found:
            print("the stack has no containers")
    raise typer.Exit(1 if any(f.trouble for f in found) else 0)


@service_app.command("import")
def service_import(
    file: Annotated[Path, typer.Argument(help="The compose file.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the service. Default: its directory's.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Host that runs it.")] = _PLACEHOLDER,
    env_file: Annotated[
        Path | None, typer.Option("--env-file", help="Its variables. Default: `.env` beside it.")
    ] = None,
    containers: Annotated[
        bool, typer.Option("--containers", help="Make containers also of an app of the catalog.")
    ] = False,
    pin: Annotated[
        bool, typer.Option("--pin/--no-pin", help="Ask the registries for the digests of images.")
    ] = True,
) -> None:
    """Make a service from a compose file, and print it for the stack.

    If the catalog has the app, the service is that of the catalog. What the file says and the
    service does not follows on standard error, with its line. Changes no file.
    """
    from homelab.ops.compose import as_yaml, check_host, import_file

    if host != _PLACEHOLDER:
        check_host(HERE, host)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    result = import_file(file, name, host, env_file, pin=pin, report=say)
    print(as_yaml(result, containers=containers), end="")
    if result.native and not containers:
        say(
            f"the catalog has {result.native}, which runs without containers; its data is not "
            "moved. --containers makes containers instead"
        )
        return
    for note in result.notes:
        say(f"{file}:{note}")
