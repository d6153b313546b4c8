"""`homelab why`: from a generated file, line or option to the place in the stack config."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

why_app = typer.Typer()


@why_app.command()
def why(
    host: Annotated[str, typer.Argument(help="The host; or a file of it, as `pi/dns.nix:12`.")],
    what: Annotated[
        str, typer.Argument(help="File, line of a file, or option. Default: all files.")
    ] = "",
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show which place in the stack config a generated file, line or option comes from.

    `homelab why pi dns.nix` goes through a file from top to bottom, `homelab why pi dns.nix:12`
    shows one line, and `homelab why pi services.blocky.settings` every line that sets the option.
    """
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack
    from homelab.ops.why import why as ask

    # The tree has names of secrets and never a value, so no secrets file is read.
    with rehearsed():
        answers = ask(open_stack(cwd, find_stack(cwd, stack)), host, what)
    if as_json:
        print(json.dumps([a.as_data() for a in answers], indent=2))
        return
    for answer in answers:
        print(answer)
