"""A release that is deployed is in Git, if the stack asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem

GIT_CLEAN = file_check(
    "git-clean",
    "warning",
    "A release from files that are not in Git as they are cannot be made again, so `pulumi up` "
    "refuses it.",
)
_WHERE = "deploy.require_clean_git"


@dataclass(frozen=True)
class GitState:
    """What Git says about the directory of a stack, and the files that the stack reads."""

    changed: tuple[str, ...] = ()
    """Files that are changed or new, relative to the repository."""
    ignored: tuple[str, ...] = ()
    """Files that the stack reads, and that Git ignores."""
    outside: tuple[str, ...] = ()
    """Files that the stack reads through a link, and that are in no repository."""
    failure: str = ""
    """Why Git cannot tell; empty if it can."""


def check_git(plan: Plan, state: GitState | None) -> Iterator[Problem]:
    """A warning if a file is not in Git as it is; `state` is None if the stack does not ask."""
    if state is None or not plan.stack.deploy.require_clean_git:
        return
    if state.failure:
        yield Problem(
            _WHERE,
            f"Git cannot tell whether all changes are committed: {state.failure}",
            "repair that, or write require_clean_git: false",
            check=GIT_CLEAN,
            severity="warning",
        )
        return
    found = (
        (state.changed, "not committed", "commit them: git add -A && git commit"),
        (
            state.ignored,
            "read by the stack, and ignored by Git",
            "remove the line of .gitignore, then git add and commit them",
        ),
        (
            state.outside,
            "read by the stack, and in no Git repository",
            "copy them into the repository, in place of the link",
        ),
    )
    for files, what, way_out in found:
        if files:
            yield Problem(
                _WHERE,
                f"{what}: {', '.join(files)}",
                f"{way_out}; pulumi up refuses until then",
                check=GIT_CLEAN,
                severity="warning",
            )
