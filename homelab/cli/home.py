"""`homelab home`: the owner's home on a machine without NixOS."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

home_app = typer.Typer()


@home_app.command()
def home(
    host: Annotated[
        str, typer.Argument(help="Host of kind home-manager. Default: the one of this machine.")
    ] = "",
    dry: Annotated[bool, typer.Option("--dry", help="Build, and activate nothing.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Build the owner's home with Nix and activate it, on the machine itself: the Mac, a laptop.

    Changes only the home of the user who runs it. `pulumi up` switches homes on NixOS hosts.
    """
    from homelab.ops.home import own_name, switch_home
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack

    # A home has no secrets of the stack.
    with rehearsed():
        opened = open_stack(cwd, find_stack(cwd, stack))
    switch_home(opened, own_name(opened, host), _say, dry=dry)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
