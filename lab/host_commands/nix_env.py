"""nix-env on the system profile: numbered generations, as links beside the profile."""

from __future__ import annotations

import os

from .file import File
from .host import profile, record, refuse


def main(arguments: list[str]) -> int:
    """Set, switch or list generations. Other actions are refused."""
    record("nix-env", arguments)
    match arguments:
        case ["-p", path, *action] if path == str(profile):
            pass
        case _:
            refuse("nix-env", f"the lab knows only -p {profile}, not {' '.join(arguments)}")
    numbers = generations()
    match action:
        case ["--set", target]:
            if not (File(target) / "bin/switch-to-configuration").exists():
                refuse("nix-env", f"{target} is not a system")
            last = numbers[-1]
            if generation_link(last).readlink() != target:
                last += 1
                os.symlink(target, generation_link(last))
            profile.link_to(generation_link(last).name)
        case ["--switch-generation", number]:
            if int(number) not in numbers:
                refuse("nix-env", f"generation {number} does not exist")
            profile.link_to(generation_link(int(number)).name)
        case ["--delete-generations", *old] if old:
            for each in map(int, old):
                if profile.readlink() == generation_link(each).name:
                    refuse("nix-env", f"cannot delete current generation {each}")
                generation_link(each).unlink()
        case ["--list-generations"]:
            for each in numbers:
                mark = "   (current)" if profile.readlink() == generation_link(each).name else ""
                print(f"{each:4}{mark}")
        case _:
            refuse("nix-env", f"the lab does not know {' '.join(action)}")
    return 0


def generation_link(number: int) -> File:
    """The link of a generation."""
    return profile.parent / f"system-{number}-link"


def generations() -> list[int]:
    """The numbers of all generations, ascending."""
    numbers = (
        name.removeprefix("system-").removesuffix("-link") for name in profile.parent.names()
    )
    return sorted(int(number) for number in numbers if number.isdigit())
