"""Rehearse `homelab move` in a copy of the stack, with made-up files on lab hosts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from homelab.lab.rehearsal import Rehearsal
from homelab.lab.words import after_moving, of_a_copy
from homelab.ops.move.steps import Mover
from homelab.ops.project.rehearsed import rehearsed
from homelab.problems import HomelabError

_LEFT_OUT = (".git", ".homelab", ".tools", ".venv", "__pycache__", "out")
_CONTENT = "made up for a rehearsal\n"


def rehearse_move(
    directory: Path, stack: str, name: str, to: str | None, say: Callable[[str], None]
) -> bool:
    """Bring a copy of the stack up, move the service as `homelab move` does, and bring it up again.

    The stack itself stays as it is. Raises HomelabError for what prevents the move.
    """
    warned: set[str] = set()

    def tell(line: str) -> None:
        if line_of_copy := of_a_copy(line):
            say(line_of_copy)

    with tempfile.TemporaryDirectory(prefix="homelab-move-") as made:
        copy = Path(made) / directory.resolve().name
        shutil.copytree(directory, copy, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        with rehearsed():
            # What prevents the move is said before anything runs.
            move, edited = Mover(copy, stack, name, tell).prepare(to)
        if not Rehearsal(copy, stack, warned=warned).up():
            return False
        before = Rehearsal(copy, stack)
        with before.dialled() as hosts:
            for old, _ in move.paths if move is not None else ():
                place = hosts.root(move.source if move is not None else "") / old.lstrip("/")
                place.mkdir(parents=True, exist_ok=True)
                (place / "rehearsed").write_text(_CONTENT, encoding="utf-8")
            if move is not None and (move.postgresql or move.mysql):
                say(f"the lab has no databases: {', '.join((*move.postgresql, *move.mysql))}")
                move = replace(move, postgresql=(), mysql=())
            with rehearsed():
                Mover(copy, stack, name, tell).carry_out(move, edited)
            for _, new in move.paths if move is not None else ():
                waiting = f"var/lib/homelab/arrivals/{name}/files{new}/rehearsed"
                there = hosts.root(move.target if move is not None else "") / waiting
                if there.read_text(encoding="utf-8") != _CONTENT:
                    raise HomelabError(f"{there} is not what was sent")
        done = Rehearsal(copy, stack, warned=warned).up()
        if done and move is not None:
            say(
                f"{move.target}: the data waits in /var/lib/homelab/arrivals/{name}; on a host, a "
                "unit puts it in its place, and the lab has no units"
            )
        if done:
            say(after_moving(name, to))
        return done
