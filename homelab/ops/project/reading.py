"""Read files of a project. What is there and cannot be read is one problem with a way out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from homelab.problems import HomelabError, InvalidStackError, Problem, unread, unreadable


def is_there(path: Path, name: str) -> bool:
    """Whether something has this path, also a link that leads nowhere. Raises InvalidStackError if
    that cannot be seen. `name` is the path in messages.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InvalidStackError([unread(name, error)]) from None
    return True


def content(path: Path, name: str) -> bytes:
    """What is in a file. Raises InvalidStackError. `name` is the path in messages."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidStackError([unread(name, error)]) from None


def names_in(path: Path, name: str) -> list[Path]:
    """What is in a directory, sorted. Raises InvalidStackError."""
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise InvalidStackError([unread(name, error)]) from None


def written(path: Path, top: Path) -> str | Problem | None:
    """The text of a file below `top`, None if nothing has this path, or why it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
        return None if gone and not path.is_symlink() else unwritten(path, top, error)


def unwritten(path: Path, top: Path, error: OSError) -> Problem:
    """The problem of a file or directory below `top` that is there and cannot be read."""
    problem = unread(closed(path, top).relative_to(top).as_posix(), error)
    return replace(problem, check="file-present")


def closed(path: Path, top: Path) -> Path:
    """The outermost directory between `top` and the path that the user may not enter, which is why
    the path cannot be read; else the path itself.
    """
    within = [p for p in reversed(path.parents) if p != top and p.is_relative_to(top)]
    return next((p for p in within if not os.access(p, os.X_OK)), path)


@contextmanager
def reported_files() -> Iterator[None]:
    """Raise HomelabError for a file that nothing else reports. An error that names no file, such as
    a closed pipe, passes.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        what = f"this cannot be used: {unreadable(error)}"
        way_out = "fix its permissions or its disk, and run it again"
        raise HomelabError(str(Problem(str(name), what, way_out))) from None
