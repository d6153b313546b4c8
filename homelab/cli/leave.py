"""`homelab eject`: leave homelab with one flake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

leave_app = typer.Typer()


@leave_app.command()
def eject(
    directory: Annotated[Path, typer.Argument(help="Directory of the flake, new or empty.")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Write one flake of all hosts that works without homelab, and list what stays elsewhere.

    Changes no host and no cloud. The flake's README says how to go on.
    """
    from homelab.ops.eject import eject as write
    from homelab.ops.project.stack import find_stack, open_stack

    ejected = write(open_stack(cwd, find_stack(cwd, stack)), directory)
    print(f"{directory}: {ejected.files} files, hosts {', '.join(ejected.hosts)}")
    for line in ejected.clouds:
        print(f"stays: {line}")
    print(f"next: read {directory}/README.md")
