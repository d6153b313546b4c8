"""Errors of the lab's own files, with a way out."""

from __future__ import annotations

from pathlib import Path

from homelab.problems import HomelabError


class StateError(HomelabError):
    """The state cannot be used. Names the file and the way out."""


class DamagedError(StateError):
    """A file of the lab cannot be read. The lab can only start again without it."""

    def __init__(self, file: Path, why: str, place: Path) -> None:
        super().__init__(
            f"{file} is damaged ({why}); `homelab lab destroy` removes {place}, and the next "
            "`homelab lab up` starts from nothing"
        )
