"""`homelab pin`: single packages from another nixpkgs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.cli.nix import MEMORY_MIB, Anyway, MemoryMib, OnHost, Yes
from homelab.cli.update import finish_update, show_update
from homelab.problems import UsageError

pin_app = typer.Typer()


@pin_app.command()
def pin(
    package: Annotated[str, typer.Argument(help="Name of the package in nixpkgs: immich.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="Flake input with the other nixpkgs: unstable."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Its URL, if the stack does not have the input yet."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the package from the pin again.")
    ] = False,
    on: OnHost = None,
    memory: MemoryMib = MEMORY_MIB,
    yes: Yes = False,
    anyway: Anyway = False,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Take one package from another nixpkgs on every NixOS host, and show what that changes.

    Adds it to `packages` of the input in homelab:flakes, and locks the input. Then asks, and
    writes the stack file and the lock files. Changes no host.
    """
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack
    from homelab.ops.update.lock import lock_anew
    from homelab.ops.update.pin import pin_request

    name = find_stack(cwd, stack)
    if remove and (source is not None or url is not None):
        other = "--from" if source is not None else "--url"
        raise UsageError(f"--remove and {other} exclude each other; leave one out")
    if not remove and source is None:
        raise UsageError("name the other nixpkgs with --from INPUT, or write --remove")
    asked = pin_request(cwd, name, package, source, url, on=on, memory_mib=memory)
    with rehearsed():
        found = lock_anew(cwd, name, asked, _say)
        found, fails = show_update(found, asked, as_json=as_json)
    finish_update(found, fails=fails, yes=yes, anyway=anyway, as_json=as_json)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
