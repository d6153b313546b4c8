"""Options of the commands that run Nix."""

from __future__ import annotations

from typing import Annotated

import typer

MemoryMib = Annotated[
    int, typer.Option("--memory", help="Memory limit of Nix for one host, in MiB.", min=256)
]
MEMORY_MIB = 4096
"""As `homelab.ops.evaluate` has it, which a help text does not load."""
OnHost = Annotated[
    str | None, typer.Option("--on", help="Host of the stack that runs Nix, over SSH.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Write without asking.")]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Write even if a host does not build with it.")
]
