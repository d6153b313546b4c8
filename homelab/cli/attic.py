"""Commands for Attic, a binary cache: `homelab attic token`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

attic_app = typer.Typer(no_args_is_help=True, help="Access to a binary cache of Attic.")

_CACHES = "Pattern of names of caches"


@attic_app.callback()
def _group() -> None:
    """A group, also with one command."""


@attic_app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who gets the token: `laptop`.")],
    validity: Annotated[str, typer.Option(help="How long it works: `90d`.")] = "1y",
    pull: Annotated[
        list[str] | None, typer.Option(metavar="CACHE…", help=f"{_CACHES} to download from.")
    ] = None,
    push: Annotated[
        list[str] | None, typer.Option(metavar="CACHE…", help=f"{_CACHES} to upload to.")
    ] = None,
    create: Annotated[
        list[str] | None,
        typer.Option("--create-cache", metavar="CACHE…", help=f"{_CACHES} to create."),
    ] = None,
    service: Annotated[str | None, typer.Option(help="The service, if several are Attic.")] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Print the command that makes an access token on the host of Attic. Connects to no host.

    The server stores no tokens, it verifies their signature. Replace a lost one with another.
    """
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.services.attic import Token, token_command

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    wanted = Token(name, validity, pull or (), push or (), create or ())
    print(shlex.join(token_command(plan, wanted, service)))
