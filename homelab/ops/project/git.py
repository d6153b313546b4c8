"""Ask Git whether the files of a stack have changes that are not committed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from homelab.deploy.git import GitState

_SECONDS = 30
_STATUS = ("--literal-pathspecs", "status", "--porcelain=v1", "-z", "--no-renames", "--")


class _FailedError(Exception):
    """Git cannot tell."""


def git_state(directory: Path, read: Iterable[str] = ()) -> GitState:
    """Files below the directory that are changed or new, and what a release could not be made of
    again among the files that the stack reads, by their paths beside the stack file. A link counts
    as what it leads to, also in another repository. Changes nothing, not even Git's index.
    """
    here = Path(os.path.realpath(directory))
    top = _top(here) or here
    by_top: dict[Path, list[Path]] = {top: []}
    outside = set()
    for path in {Path(os.path.realpath(directory / name)) for name in read}:
        if not path.is_file():
            continue
        if (its := _top(path.parent)) is None:
            outside.add(_name(os.path.relpath(path, top)))
        else:
            by_top.setdefault(its, []).append(path)
    changed, ignored = set(), set()
    try:
        for its, paths in by_top.items():
            looked = [str(p) for p in sorted(paths) if its != top or not p.is_relative_to(here)]
            if its == top:
                looked = [str(here), *looked]
            ours = {_relative(its, e[3:], top) for e in _ask(its, [*_STATUS, *looked])}
            changed |= ours
            ignored |= {_relative(its, e, top) for e in _ignored(its, paths)}
    except _FailedError as error:
        return GitState(failure=str(error))
    return GitState(tuple(sorted(changed)), tuple(sorted(ignored)), tuple(sorted(outside)))


def _ignored(top: Path, paths: Sequence[Path]) -> list[str]:
    """Those that Git ignores, and does not have."""
    # A name that begins with a colon would be a pattern.
    names = "\0".join(f"./{p.relative_to(top)}" for p in paths)
    found = _ask(top, ["check-ignore", "-z", "--stdin"], names, fine=(0, 1)) if names else []
    return [name.removeprefix("./") for name in found]


def _ask(
    directory: Path, words: Sequence[str], stdin: str = "", fine: Sequence[int] = (0,)
) -> list[str]:
    """What Git lists, relative to the repository. NUL is between names: Git quotes unusual names
    otherwise.
    """
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=directory,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            input=os.fsencode(stdin),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise _FailedError("git is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise _FailedError(f"git gave no answer in {_SECONDS} seconds") from None
    if done.returncode not in fine:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise _FailedError(lines[0] if lines else f"git exited with {done.returncode}")
    return [entry for entry in done.stdout.decode(errors="replace").split("\0") if entry]


def _top(directory: Path) -> Path | None:
    """The repository that has a directory; None outside of Git."""
    return next((p for p in (directory, *directory.parents) if (p / ".git").exists()), None)


def _relative(top: Path, entry: str, to: Path) -> str:
    """A file of a repository as seen from another."""
    return _name(entry if top == to else os.path.relpath(top / entry, to))


def _name(path: str) -> str:
    """A name for a message, on one line."""
    return path if path.isprintable() else repr(path)
