"""`homelab diff`: how the generated files differ from those of a commit, or with other values."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.problems import UsageError

diff_app = typer.Typer()


@diff_app.command()
def diff(
    host: Annotated[str, typer.Argument(help="Show only this host.")] = "",
    commit: Annotated[
        str | None, typer.Option("--from", help="Compare with this commit of Git. Default: HEAD.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE…",
            help="Compare with another value instead: services.navidrome.port=4600.",
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Print only the names of files.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show how the generated files of hosts differ from those of a commit.

    With --set it shows what another value would change. It contacts no host and changes nothing.
    Units that restart, packages and reboots are what `homelab up HOST --mode dry` shows: only the
    built system tells.
    """
    from homelab.ops.evaluate import chosen
    from homelab.ops.project.differences import at_commit, between, with_values
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack

    if commit and values:
        raise UsageError("--from and --set exclude each other; leave one out")
    name = find_stack(cwd, stack)
    # Generated files have names of secrets and never a value.
    with rehearsed():
        present = open_stack(cwd, name)
        if host:
            chosen(present, [host])
        if values:
            found = between(present, with_values(cwd, name, values))
        else:
            found = between(at_commit(cwd, name, commit or "HEAD"), present)
    found = [d for d in found if host in ("", d.host)]
    if as_json:
        data = [{"host": d.host, "file": d.file, "lines": list(d.lines)} for d in found]
        print(json.dumps(data, indent=2))
        return
    for each in found:
        added, removed = each.counts
        print(f"{each.host}/{each.file}: +{added} -{removed}")
        if not names:
            print("".join(f"  {line}\n" for line in each.lines), end="")
    if not found:
        print("no generated file differs")
