"""nix-env on the system profile: numbered generations, as links beside the profile."""

from __future__ import annotations

import re
from pathlib import Path

from homelab.lab.host_commands.host import link, profile, record, refuse


def main(arguments: list[str]) -> int:
    """Set, switch or list generations. Other actions are refused."""
    record("nix-env", arguments)
    match arguments:
        case ["-p", path, *action] if Path(path) == profile:
            pass
        case _:
            refuse("nix-env", f"the lab knows only -p {profile}, not {' '.join(arguments)}")
    numbers = _generations()
    match action:
        case ["--set", target]:
            if not Path(target, "bin/switch-to-configuration").exists():
                refuse("nix-env", f"{target} is not a system")
            last = numbers[-1]
            if _link(last).readlink() != Path(target):
                last += 1
                _link(last).symlink_to(target)
            link(profile, _link(last).name)
        case ["--switch-generation", number]:
            if int(number) not in numbers:
                refuse("nix-env", f"generation {number} does not exist")
            link(profile, _link(int(number)).name)
        case ["--delete-generations", *old] if old:
            for each in map(int, old):
                if profile.readlink() == Path(_link(each).name):
                    refuse("nix-env", f"cannot delete current generation {each}")
                _link(each).unlink(missing_ok=True)
        case ["--list-generations"]:
            for each in numbers:
                mark = "   (current)" if profile.readlink() == Path(_link(each).name) else ""
                print(f"{each:4}{mark}")
        case _:
            refuse("nix-env", f"the lab does not know {' '.join(action)}")
    return 0


def _link(number: int) -> Path:
    return profile.with_name(f"system-{number}-link")


def _generations() -> list[int]:
    found = (re.fullmatch(r"system-(\d+)-link", path.name) for path in profile.parent.iterdir())
    return sorted(int(match[1]) for match in found if match)
