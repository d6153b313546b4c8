"""`homelab upgrade`: move to another version of the library, after seeing what it changes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

upgrade_app = typer.Typer()
TAKE = "uv sync --reinstall-package homelab"
"""uv copies a directory once, and looks at it again only if its pyproject.toml changes."""


@upgrade_app.command()
def upgrade(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Version, URL or requirement. Default: the newest release, or the branch.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Change the pin without asking.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Show what another version of homelab changes in each host's files, then change the pin.

    Renders every stack with both versions. Changes only the requirement in pyproject.toml, and only
    after it was confirmed. Exits with 1 if the other version refuses the stack.
    """
    from homelab.ops.project.stack import meant_stacks
    from homelab.ops.starter.library import as_requirement, directory_of
    from homelab.ops.starter.upgrade import (
        compare,
        newest_of,
        present_pin,
        write_pin,
    )

    stacks = meant_stacks(cwd, stack)
    pin = present_pin(cwd)
    wanted = as_requirement(to, "--to") if to is not None else newest_of(pin)
    found = compare(cwd, stacks, wanted)
    print(f"now: {found.old}\nnew: {found.new}")
    refused = False
    for difference in found.differences:
        for error in difference.errors:
            print(f"error: {difference.stack}: {error}", file=sys.stderr)
            refused = True
        for diff in difference.files.values():
            print(diff)
        if not difference.errors:
            print(f"{difference.stack}: {_counted(difference.files)}")
    if refused:
        print("nothing was changed; follow the ways out first", file=sys.stderr)
        raise typer.Exit(1)
    if found.old == found.new:
        print("the pin is the same already")
        if directory_of(found.new):
            print(f"next, to take what is there now: {TAKE}")
        return
    if not yes and not (sys.stdin.isatty() and typer.confirm("Change the pin?", err=True)):
        print(f"nothing was changed; to change the pin: homelab upgrade --to '{found.new}' --yes")
        return
    for line in write_pin(cwd, found):
        print(line)
    print("next: uv run homelab check, then pulumi preview --diff")


def _counted(files: Iterable[str]) -> str:
    hosts: dict[str, int] = {}
    for name in files:
        host = name.partition("/")[0]
        hosts[host] = hosts.get(host, 0) + 1
    if not hosts:
        return "no file of any host changes"
    return ", ".join(f"{n} files of {host} change" for host, n in sorted(hosts.items()))
