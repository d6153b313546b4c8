"""Write the layout of a new machine's disks to a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from homelab.problems import HomelabError, InvalidStackError, Problem, UsageError
from homelab.system.model import Host

_KEYS = ("disks", "file_systems", "pools", "swap")


def sound(host: Host, problems: Iterable[Problem]) -> None:
    """Raises InvalidStackError if the disks of the host have errors."""
    places = tuple(f"{host.source}.{key}" for key in _KEYS)
    errors = [p for p in problems if p.severity == "error" and p.where.startswith(places)]
    if errors:
        raise InvalidStackError(errors)


def confirm(host: str, typed: str | None) -> None:
    """Raises UsageError unless the host's name was typed exactly."""
    if typed is None:
        raise UsageError(
            f"this text erases disks when disko runs it; confirm the host's name: --confirm {host}"
        )
    if typed != host:
        raise UsageError(f'"{typed}" is not {host}; nothing was written')


def write_layout(path: Path, text: str) -> None:
    """Write a new file. Raises HomelabError if there is one."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise HomelabError(f"there is a file {path}; name another one") from None
    except OSError as error:
        raise HomelabError(f"{path}: {error.strerror}; name another file") from None
