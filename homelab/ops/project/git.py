"""Ask Git whether the directory of a stack has changes that are not committed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from homelab.deploy.git import GitState

_SECONDS = 30


def git_state(directory: Path) -> GitState:
    """Files below the directory that are changed or new. Changes nothing, not even Git's index."""
    try:
        done = subprocess.run(
            # NUL between names: Git quotes unusual names otherwise.
            ["git", "status", "--porcelain=v1", "-z", "--no-renames", "--", "."],
            cwd=directory,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return GitState(failure="git is not on PATH")
    except subprocess.TimeoutExpired:
        return GitState(failure=f"git gave no answer in {_SECONDS} seconds")
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return GitState(failure=lines[0] if lines else f"git exited with {done.returncode}")
    entries = done.stdout.decode(errors="replace").split("\0")
    return GitState(tuple(sorted(_name(e[3:]) for e in entries if e)))


def _name(path: str) -> str:
    """A name for a message, on one line."""
    return path if path.isprintable() else repr(path)
