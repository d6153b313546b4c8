"""Write files of the owner: one atomically with its changed lines, or several."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from homelab.problems import HomelabError


def replace_file(path: Path, text: str) -> list[str]:
    """Write the text to the file. Returns the changed lines, each after `+` or `-`.

    A crash leaves the old file or the new one. Raises HomelabError if it cannot be written.
    """
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if path.exists() and before == text:
            return []
        # A symbolic link stays: its target is replaced.
        _replace(Path(os.path.realpath(path)), text)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise HomelabError(
            f"{path}: cannot be written: {why}; nothing was changed, fix that and run it again"
        ) from None
    return changed_lines(before, text)


def write_files(directory: Path, files: Mapping[str, str | bytes], way_out: str) -> None:
    """Write files below a directory, and make the directories on the way. A text that is there is
    replaced atomically.

    Raises HomelabError with the way out if one cannot be written: those before it are.
    """
    try:
        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str) and path.exists():
                _replace(Path(os.path.realpath(path)), content)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise HomelabError(
            f"{error.filename or directory}: cannot be written ({error.strerror}); {way_out}"
        ) from None


def changed_lines(before: str, after: str) -> list[str]:
    """The removed and added lines, each after `-` or `+`, in the order of the file."""
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [f"{line[0]} {line[1:]}" for line in list(diff)[2:] if not line.startswith("@@")]


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as out:
        made = Path(out.name)
        try:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
            made.chmod(mode)
            made.replace(path)
        except BaseException:
            made.unlink()
            raise
