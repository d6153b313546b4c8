"""The flake that a pin's lock file is made for, and the revisions in lock files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from homelab.config.stack import StackConfig
from homelab.nix.flake import LockError, flake_text, locked_inputs, prune_lock
from homelab.nix.flakeref import reference_of
from homelab.system.flakes import inputs as known_inputs

FILE, LOCK = "flake.nix", "flake.lock"
_HEAD = "The inputs of a pin, for Nix to lock them."
_EMPTY = '{ "nodes": { "root": {} }, "root": "root", "version": 7 }\n'


@dataclass(frozen=True)
class Revision:
    """One input in two lock files."""

    name: str
    old: str
    """Commit or hash, and date; empty for a new input."""
    new: str
    """Empty for an input that is gone."""


@dataclass(frozen=True)
class LockTask:
    """What Nix gets, to make a lock file from it."""

    files: Mapping[str, str]
    """`flake.nix`, and the part of the present lock file that stays."""
    inputs: tuple[str, ...]
    """Inputs that the new lock file has."""
    dropped: tuple[str, ...] = ()
    """Inputs of the present lock file that are in no stack and cannot be declared again."""


def lock_task(
    config: StackConfig,
    pin: str,
    needed: Sequence[str],
    present: str,
    moved: Sequence[str],
    own_flake: str = "",
) -> LockTask:
    """Lock `needed` and what the present lock file has; look the inputs `moved` up anew, or all if
    none is named.

    `own_flake` is the text of the owner's `flake.nix` beside the lock file. It then decides which
    inputs there are.
    """
    locked = locked_inputs(present)
    if own_flake:
        kept = _kept(present, [n for n in locked if moved and n not in moved])
        return LockTask({FILE: own_flake, LOCK: kept}, tuple(locked))
    pinned = config.nixpkgs[pin]
    known = known_inputs(config, pinned.release)
    listed: dict[str, tuple[str, Mapping[str, str]]] = {"nixpkgs": (pinned.url, {})}
    dropped = []
    for name in sorted({*needed, *locked} - {"nixpkgs"}):
        if name in known:
            listed[name] = (known[name].url, known[name].follows)
        elif (url := reference_of(locked[name].original)) is not None:
            # Another stack may use this lock file.
            listed[name] = (url, locked[name].follows)
        else:
            dropped.append(name)
    stays = [n for n in locked if n in listed and moved and n not in moved]
    text = flake_text(head=_HEAD, description=f"the pin {pin}", inputs=listed, outputs={})
    return LockTask({FILE: text, LOCK: _kept(present, stays)}, tuple(listed), tuple(dropped))


def revisions(old: str, new: str) -> tuple[Revision, ...]:
    """The inputs whose revision differs between two lock files, by name."""
    before, after = locked_inputs(old), locked_inputs(new)
    found = []
    for name in sorted({*before, *after}):
        was = _shown(before[name].locked) if name in before else ""
        now = _shown(after[name].locked) if name in after else ""
        if was != now:
            found.append(Revision(name, was, now))
    return tuple(found)


def _kept(present: str, names: Sequence[str]) -> str:
    """The lock file with these inputs only: Nix adds the others."""
    if not names:
        return _EMPTY
    try:
        return prune_lock(present, names)
    except LockError:
        return _EMPTY


def _shown(locked: Mapping[str, object]) -> str:
    revision = locked.get("rev") or locked.get("narHash") or locked.get("path") or "?"
    when = locked.get("lastModified")
    day = ""
    if isinstance(when, int) and 86_400 < when < 2**40:
        day = f" {datetime.fromtimestamp(when, UTC).date().isoformat()}"
    return f"{str(revision)[:12]}{day}"


def same_lock(old: str, new: str) -> bool:
    """Whether two lock files lock the same."""
    try:
        return bool(json.loads(old) == json.loads(new))
    except ValueError:
        return False
