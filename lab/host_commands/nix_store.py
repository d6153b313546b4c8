"""nix-store: roots of the garbage collector, and store paths that go from one host to another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .file import File
from .host import commands, record, refuse, root
from .machine import make_system

_STORE = "/nix/store/"


def main(arguments: list[str]) -> int:
    """Create a root, or list, check, write and read store paths."""
    record("nix-store", arguments)
    match arguments:
        case ["--realise", path, "--add-root", link, "--indirect"]:
            if not _here(path).exists():
                refuse("nix-store", f"error: path '{path}' is not valid")
            File(link).link_to(str(_here(path)))
            print(link)
        case ["--query", "--requisites", path]:
            print(path)
        case ["--check-validity", "--print-invalid", *paths]:
            for path in paths:
                if not _here(path).exists():
                    print(path)
        case ["--export", *paths]:
            for path in paths:
                print(json.dumps(_facts(path)))
        case ["--import"]:
            for line in sys.stdin:
                facts: list[str] = json.loads(line)
                name, init = facts
                digest, _, rest = name.partition("-nixos-system-")
                host, _, version = rest.rpartition("-")
                make_system(Path(root), digest, host, version, Path(commands), init)
        case _:
            refuse("nix-store", f"the lab does not know {' '.join(arguments)}")
    return 0


def _here(path: str) -> File:
    """The place of a store path below this host's root; other paths are as they are."""
    return root / path[1:] if path.startswith(_STORE) else File(path)


def _facts(path: str) -> tuple[str, str]:
    place = _here(path)
    if not place.exists():
        refuse("nix-store", f"error: path '{path}' is not valid")
    return place.name, (place / "init-interface-version").read_text().strip()
