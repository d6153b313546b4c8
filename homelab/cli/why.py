"""`homelab why`: from a generated file, line or option to the place in the stack config."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

if TYPE_CHECKING:
    from homelab.ops.causes import Cause
    from homelab.ops.why import Answer

why_app = typer.Typer()


@why_app.command()
def why(
    subject: Annotated[
        str,
        typer.Argument(
            help="A host; a file of it, as `pi/dns.nix:12`; a port, a name, the URN of a resource, "
            "or a place in the stack config."
        ),
    ],
    what: Annotated[
        str,
        typer.Argument(help="Of a host: file, line of a file, or option. Default: all files."),
    ] = "",
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
    as_graph: Annotated[
        bool,
        typer.Option("--graph", help="Print a Mermaid flow chart of the files that it causes."),
    ] = False,
) -> None:
    """Show which place in the stack config something comes from, or what a place causes.

    `homelab why pi dns.nix` goes through a file from top to bottom, `homelab why pi dns.nix:12`
    shows one line, and `homelab why pi services.blocky.settings` every line that sets the option.
    `homelab why 8096`, `homelab why media.home.example.org` and `homelab why URN` show the cause of
    a port, a name and a Pulumi resource. `homelab why services.jellyfin` shows all lines that a
    place in the stack config causes, and `homelab why site.domain` all that depend on a value: it
    plans the stack with another one, and compares.
    """
    from homelab.problems import UsageError

    if as_json and as_graph:
        raise UsageError("--json and --graph exclude each other; leave one out")
    from homelab.ops.causes import causes
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack
    from homelab.ops.why import why as ask

    # The tree has names of secrets and never a value, so no secrets file is read.
    with rehearsed():
        opened = open_stack(cwd, find_stack(cwd, stack))
        host = subject.partition("/")[0]
        if what or host in opened.releases:
            answers: Sequence[Answer | Cause] = ask(opened, subject, what)
        else:
            answers = causes(opened, subject)
    if as_graph:
        from homelab.graph.mermaid import as_mermaid
        from homelab.graph.value import picture_of

        of_host = f"{host}/" if what or host in opened.releases else ""
        lines = (f"{of_host}{a}".partition("\n")[0] for a in answers)
        print(as_mermaid(picture_of(subject, lines)), end="")
        return
    if as_json:
        print(json.dumps([a.as_data() for a in answers], indent=2))
        return
    for answer in answers:
        print(answer)
