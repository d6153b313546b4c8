"""Files of a project, and symbolic links that lead out of it.

A host gets what a link leads to. Through a link out of the project, that is a file that nobody sees
there and that its history does not have: another one on the next machine, or a private one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from homelab.ops.project.reading import names_in
from homelab.problems import Problem

_STORE = Path("/nix/store")
_OF_TOOLS = {".git", ".direnv"}
"""Directories that belong to Git and direnv, not to the flake in which they are."""


@dataclass(frozen=True)
class Project:
    """The directory of a stack, and the Git repository that has it, whose stacks may share files.
    Without Git, the directory alone.
    """

    directory: Path
    top: Path
    """The directory of the repository, without links in its path."""

    @classmethod
    def of(cls, directory: Path) -> Project:
        """The project of the stack in this directory."""
        real = Path(os.path.realpath(directory))
        top = next((p for p in (real, *real.parents) if (p / ".git").exists()), real)
        return cls(directory, top)

    def outside(self, path: Path) -> Path | None:
        """Where a path leads, if that is outside of the project or in Git's own files."""
        there = Path(os.path.realpath(path))
        if there.is_relative_to(self.top) and ".git" not in there.relative_to(self.top).parts:
            return None
        return there

    def files(self, path: str) -> list[Path]:
        """A file, or the files of a directory without the hidden ones. A directory outside of the
        project is listed itself, without its files.
        """
        return self._files(path, lambda name: name.startswith("."))

    def whole(self, path: str) -> list[Path]:
        """Every file of a flake, also the hidden ones: its store path depends on all of them."""
        return self._files(path, _OF_TOOLS.__contains__)

    def _files(self, path: str, skipped: Callable[[str], bool]) -> list[Path]:
        top = self.directory / path
        # What cannot be looked at is listed: reading it says why.
        if _is_broken(top) or top.is_file() or (top.is_dir() and self.outside(top) is not None):
            return [top]
        return list(self._below(top, skipped, frozenset())) if top.is_dir() else []

    def _below(
        self, top: Path, skipped: Callable[[str], bool], above: frozenset[str]
    ) -> Iterator[Path]:
        real = os.path.realpath(top)
        if real in above:
            return  # a link to a directory in which it is
        for path in names_in(top, top.relative_to(self.directory).as_posix()):
            if skipped(path.name) or self._is_of_nix(path):
                continue
            if _is_broken(path):
                # Editors and tools leave hidden links to nothing.
                if not path.name.startswith("."):
                    yield path
            elif path.is_file() or (path.is_symlink() and path.is_dir() and self.outside(path)):
                yield path
            elif path.is_dir():
                yield from self._below(path, skipped, above | {real})

    def _is_of_nix(self, path: Path) -> bool:
        """Whether a link to the Nix store is what a build left (`result`, `result-man`), or what a
        tool made for itself, such as `.pre-commit-config.yaml`.
        """
        if not path.is_symlink() or not path.name.startswith((".", "result")):
            return False
        there = self.outside(path)
        return there is not None and there.is_relative_to(_STORE)

    def problem(self, path: Path, there: Path, where: str) -> Problem:
        """The problem of a path that leads out of the project."""
        name = path.relative_to(self.directory).as_posix()
        of = "Git repository" if (self.top / ".git").exists() else "directory"
        return Problem(
            where,
            f"{name} leads out of the stack's {of} by a symbolic link, to {there}: a host would "
            "get what is there",
            "remove the link, and write a copy in its place if a host needs it",
            check="file-present",
        )


def _is_broken(path: Path) -> bool:
    """Whether something has this path that cannot be looked at: a link to nothing or to itself, or
    anything in a directory that the user may not enter.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path.is_symlink()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return False
