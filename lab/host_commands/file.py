"""A path on the host, as small as `pathlib.Path` is large: it imports only `os`."""

from __future__ import annotations

import os


class File:
    """A path. Methods are those of `pathlib.Path`, as far as the stand-ins need them."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._path

    def __truediv__(self, below: str) -> File:
        return File(os.path.join(self._path, below))

    @property
    def name(self) -> str:
        """The last part."""
        return os.path.basename(self._path)

    @property
    def parent(self) -> File:
        """The directory."""
        return File(os.path.dirname(self._path))

    def exists(self) -> bool:
        """Whether something is there, through links."""
        return os.path.exists(self._path)

    def names(self) -> list[str]:
        """The names in a directory, sorted; none if it does not exist."""
        try:
            return sorted(os.listdir(self._path))
        except FileNotFoundError:
            return []

    def read_text(self) -> str:
        """The text."""
        with open(self._path, encoding="utf-8") as file:
            return file.read()

    def write_text(self, text: str) -> None:
        """Replace the text."""
        with open(self._path, "w", encoding="utf-8") as file:
            file.write(text)

    def touch(self) -> None:
        """Create an empty file, unless it exists."""
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666))

    def mkdir(self) -> None:
        """Create the directory and those above it, unless they exist."""
        os.makedirs(self._path, exist_ok=True)

    def unlink(self) -> None:
        """Remove the file, if it exists."""
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def remove_files(self) -> None:
        """Remove a directory that has only files, if it exists.

        A file that another process adds meanwhile stays.
        """
        for name in self.names():
            (self / name).unlink()
        try:
            os.rmdir(self._path)
        except OSError:
            return

    def link_to(self, target: str) -> None:
        """Make this a symbolic link, replacing atomically what is there."""
        work = self.parent / f".{self.name}.{os.getpid()}"
        os.symlink(target, work)
        os.replace(work, self._path)

    def readlink(self) -> str:
        """The target of a symbolic link."""
        return os.readlink(self._path)

    def resolve(self) -> str:
        """The path without symbolic links."""
        return os.path.realpath(self._path)
