"""The last lines of `homelab init`: what to type next."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

from homelab.ops.starter.start import Started
from homelab.ops.starter.upgrade import PROJECT
from homelab.plaintext import mapping
from homelab.starter.answers import Answers
from homelab.starter.files import to_do

README = "README.md"


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
    left = to_do(answers, run)
    steps = f"{len(left)} steps before the first deployment; a rehearsal needs none"
    if README in started.kept:
        yield f"{steps}:"
        yield from (f"  - {step}" for step in left)
    else:
        yield f"{README} lists {steps}"
    yield "next:"
    if directory.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(directory))}"
    for command in _additions(answers, directory, started) if run else ():
        yield f"  {command}"
    yield f"  {run}homelab check"
    yield f"  {run}homelab lab up"
    yield f"  {run}pytest" if run else "  python -m pytest"
    if started.in_repository:
        # `homelab diff` compares with the last commit. In a repository around the homelab, `-A`
        # would add files of others.
        yield "  git add . && git commit -m 'A new homelab'"


def _additions(answers: Answers, directory: Path, started: Started) -> Iterator[str]:
    """The commands that add to a `pyproject.toml` that was there what its text does not name."""
    if PROJECT not in started.kept:
        return
    needs = _requirements((directory / PROJECT).read_text(encoding="utf-8"))
    for package, command in (
        ("homelab", f"uv add {shlex.quote(answers.library)}"),
        ("pytest", "uv add --dev pytest"),
    ):
        if not any(re.match(rf"{package}(?![\w.-])", need) for need in needs):
            yield command


def _requirements(text: str) -> list[str]:
    """What a `pyproject.toml` requires, also its groups and extras; empty if it cannot be read."""
    try:
        data = mapping(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return []
    project = mapping(data.get("project"))
    groups = [*mapping(data.get("dependency-groups")).values()]
    groups += [project.get("dependencies"), *mapping(project.get("optional-dependencies")).values()]
    found = [need for group in groups if isinstance(group, list) for need in group]
    return [need for need in found if isinstance(need, str)]
