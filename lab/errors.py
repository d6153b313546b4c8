"""What makes a lab unusable, each with what to do."""

from __future__ import annotations

from pathlib import Path

from homelab.problems import HomelabError


class StateError(HomelabError):
    """The state cannot be used; says which file and what to do."""


class DamagedError(StateError):
    """A file of the lab cannot be read; only without it can the lab start again."""

    def __init__(self, file: Path, why: str, place: Path) -> None:
        super().__init__(
            f"{file} is damaged ({why}); `homelab lab destroy` removes {place}, and the next "
            "`homelab lab up` starts anew"
        )
