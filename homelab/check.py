"""The type of a check, and the decorator that registers one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from homelab.plan import Plan
from homelab.problems import Problem, Severity

Rule = Callable[["Plan"], Iterable[Problem]]


@dataclass(frozen=True)
class Check:
    """A rule with its id, severity and reason."""

    id: str
    severity: Severity
    why: str
    rule: Rule
    whole: bool = False
    """Whether it finds what nothing uses. That is known only of a stack config whose parts are all
    in the plan."""


@dataclass(frozen=True)
class FileCheck:
    """A check that needs file contents or the date. The code that finds it names it."""

    id: str
    severity: Severity
    why: str
    whole: bool = False


_REGISTRY: dict[str, Check] = {}
_FILE_CHECKS: dict[str, FileCheck] = {}


def check(id_: str, *, severity: Severity = "error", whole: bool = False) -> Callable[[Rule], Rule]:
    """Register a check. Its docstring is the reason that users read."""

    def register(rule: Rule) -> Rule:
        if id_ in _REGISTRY:
            raise ValueError(f"two checks are called {id_}")
        why = " ".join((rule.__doc__ or "").split())
        _REGISTRY[id_] = Check(id_, severity, why, rule, whole)
        return rule

    return register


def file_check(id_: str, severity: Severity, why: str, *, whole: bool = False) -> str:
    """Declare a check that needs file contents or the date. Returns its id, for `Problem.check`."""
    if id_ in _REGISTRY or id_ in _FILE_CHECKS:
        raise ValueError(f"two checks are called {id_}")
    _FILE_CHECKS[id_] = FileCheck(id_, severity, why, whole)
    return id_


FILE_PRESENT = file_check(
    "file-present",
    "error",
    "A file that the stack names is copied to the host, so a missing one stops the rendering.",
)
