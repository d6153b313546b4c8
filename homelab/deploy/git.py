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
    "A release from changes that are not committed cannot be made again. `pulumi up` refuses it.",
)
_WHERE = "deploy.require_clean_git"


@dataclass(frozen=True)
class GitState:
    """What Git says about the directory of a stack."""

    changed: tuple[str, ...] = ()
    """Files that are changed or new, relative to the repository."""
    failure: str = ""
    """Why Git cannot tell; empty if it can."""


def check_git(plan: Plan, state: GitState | None) -> Iterator[Problem]:
    """A warning if the directory has changes; `state` is None if the stack does not ask."""
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
    elif state.changed:
        yield Problem(
            _WHERE,
            f"not committed: {', '.join(state.changed)}",
            "commit them: git add -A && git commit; pulumi up refuses until then",
            check=GIT_CLEAN,
            severity="warning",
        )
