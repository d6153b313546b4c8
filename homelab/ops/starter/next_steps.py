"""The last lines of `homelab init`: what to type next."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from homelab.starter.answers import Answers
from homelab.starter.files import to_do


def command_prefix() -> str:
    """What precedes a command of the new project: uv, where it is, installs what the project
    needs.
    """
    return "uv run " if shutil.which("uv") else ""


def next_lines(
    answers: Answers, directory: Path, missing: Sequence[str], *, run: str, in_git: bool
) -> Iterator[str]:
    """The commands, each after two spaces, and what is left before a deployment."""
    for key in missing:
        yield f"{key} has no value yet: {run}homelab secret set {key}"
    if in_git:
        yield "it is a Git repository, and checks itself before each commit"
    left = len(to_do(answers, run))
    yield f"README.md lists {left} steps before the first deployment; a rehearsal needs none"
    yield "next:"
    if directory.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(directory))}"
    yield f"  {run}homelab check"
    yield f"  {run}homelab lab up"
    yield f"  {run}pytest" if run else "  python -m pytest"
