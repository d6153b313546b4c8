"""nix-store --realise PATH --add-root LINK --indirect: keep a path from the garbage collector."""

from __future__ import annotations

from pathlib import Path

from homelab.lab.host_commands.host import link, record, refuse


def main(arguments: list[str]) -> int:
    """Create the garbage collector root."""
    record("nix-store", arguments)
    match arguments:
        case ["--realise", path, "--add-root", root, "--indirect"]:
            if not Path(path).exists():
                refuse("nix-store", f"error: path '{path}' is not valid")
            link(Path(root), path)
            print(root)
        case _:
            refuse("nix-store", f"the lab does not know {' '.join(arguments)}")
    return 0
