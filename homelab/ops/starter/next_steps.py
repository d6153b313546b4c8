"""The last lines of `homelab init`: what to type next."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from homelab.ops.starter.start import Started
from homelab.starter.answers import Answers
from homelab.starter.files import to_do


def command_prefix() -> str:
    """What precedes a command of the new project: uv, where it is, installs what the project
    needs.
    """
    return "uv run " if shutil.which("uv") else ""


def next_lines(answers: Answers, directory: Path, started: Started, *, run: str) -> Iterator[str]:
    """The commands, each after two spaces, and what is left before a deployment."""
    for key in started.missing:
        yield f"{key} has no value yet: {run}homelab secret set {key}"
    if started.has_hook:
        yield "it is a Git repository, and checks itself before each commit"
    left = len(to_do(answers, run))
    yield f"README.md lists {left} steps before the first deployment; a rehearsal needs none"
    yield "next:"
    if directory.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(directory))}"
    yield f"  {run}homelab check"
    yield f"  {run}homelab lab up"
    yield f"  {run}pytest" if run else "  python -m pytest"
    if started.in_repository:
        # `homelab diff` compares with the last commit. In a repository around the homelab, `-A`
        # would add files of others.
        yield "  git add . && git commit -m 'A new homelab'"
