"""nix-store --realise PATH --add-root LINK --indirect: keep a path from the garbage collector."""

from __future__ import annotations

from .file import File
from .host import record, refuse


def main(arguments: list[str]) -> int:
    """Create the garbage collector root."""
    record("nix-store", arguments)
    match arguments:
        case ["--realise", path, "--add-root", root, "--indirect"]:
            if not File(path).exists():
                refuse("nix-store", f"error: path '{path}' is not valid")
            File(root).link_to(path)
            print(root)
        case _:
            refuse("nix-store", f"the lab does not know {' '.join(arguments)}")
    return 0
