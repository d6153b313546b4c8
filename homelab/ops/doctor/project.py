"""The project: its problems, its secrets, and whether Git has everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from homelab.ops.doctor.model import error, note, ok
from homelab.ops.project.git import git_state
from homelab.ops.secrets.doctor import Finding
from homelab.problems import Problem

_SHOWN = 3


def project_findings(directory: Path, stack: str, problems: Sequence[Problem]) -> Iterator[Finding]:
    """What `homelab check` and Git say about the stack."""
    errors = [p for p in problems if p.severity == "error"]
    for problem in errors[:_SHOWN]:
        yield error(str(problem))
    if len(errors) > _SHOWN:
        yield error(f"and {len(errors) - _SHOWN} more; homelab check -s {stack}")
    warnings = len(problems) - len(errors)
    if warnings:
        yield note(f"{warnings} warning{'s' if warnings > 1 else ''}; homelab check -s {stack}")
    if not problems:
        yield ok(f"homelab check finds nothing in {stack}")
    state = git_state(directory)
    if state.failure:
        yield note(f"{state.failure}; git init")
    elif state.changed:
        number = len(state.changed)
        files = "1 file is" if number == 1 else f"{number} files are"
        yield note(f"{files} not committed; git status")
    else:
        yield ok("every change is committed")
