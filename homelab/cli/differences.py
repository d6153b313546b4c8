"""`homelab diff`: how the generated files differ from those of a commit, or with other values."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
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
    After the lines of each host come the options, units and packages that change, and whether a
    reboot is due, as far as the generated text tells. `homelab up HOST --mode dry` compares the
    built systems: only they tell it all.
    """
    from homelab.ops.evaluate import chosen
    from homelab.ops.project.differences import at_commit, between, outlooks, with_values
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
            old, new = present, with_values(cwd, name, values)
        else:
            old, new = at_commit(cwd, name, commit or "HEAD"), present
        found = [d for d in between(old, new) if host in ("", d.host)]
        outlook = {} if names else outlooks(old, new, dict.fromkeys(d.host for d in found))
    if as_json:
        files = [{"host": d.host, "file": d.file, "lines": list(d.lines)} for d in found]
        hosts = {h: asdict(o) for h, o in outlook.items()}
        print(json.dumps({"files": files, "hosts": hosts}, indent=2))
        return
    for of_host, group in groupby(found, key=lambda d: d.host):
        for each in group:
            added, removed = each.counts
            print(f"{each.host}/{each.file}: +{added} -{removed}")
            if not names:
                print("".join(f"  {line}\n" for line in each.lines), end="")
        if of_host in outlook:
            print(f"{of_host}:")
            print("".join(f"  {line}\n" for line in outlook[of_host].lines(of_host)), end="")
    if not found:
        print("no generated file differs")
