"""The owner's `flake.nix` beside the lock file of a pin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from homelab.config.stack import StackConfig
from homelab.problems import HomelabError, Problem
from homelab.starter.flake import declarations, undeclared, with_inputs
from homelab.system.flakes import inputs as known_inputs
from homelab.update.locking import LOCK


def own_flake(directory: Path, path: str) -> Path | None:
    """The owner's `flake.nix` that the lock file belongs to; None if there is none."""
    place = directory / path
    flake = place.parent / "flake.nix"
    return flake if place.name == LOCK and flake.is_file() else None


def completed(
    config: StackConfig, pin: str, flake: str, present: str, needed: Sequence[str], path: str
) -> str:
    """The text of a `flake.nix` that declares every needed input.

    An input that is missing is added where init wrote the text. Raises HomelabError with the lines
    to add where it did not.
    """
    missing = undeclared(flake, present, needed)
    if not missing:
        return flake
    pinned = config.nixpkgs[pin]
    known = known_inputs(config, pinned.release)
    inputs = {n: (known[n].url, known[n].follows) for n in missing if n in known}
    if "nixpkgs" in missing:
        inputs["nixpkgs"] = (pinned.url, {})
    if edited := with_inputs(flake, inputs):
        return edited
    names = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
    raise HomelabError(
        f"{Problem(path, f'this flake does not have the input {names}', 'add to it')}:\n"
        f"{declarations(inputs)}\nthen run this again; nothing was changed"
    )
