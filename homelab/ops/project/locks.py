"""The lock file of each stack of a project.

`homelab.lock.yaml` belongs to the stack that it names: the first or only one of a project. Every
other stack has `homelab.<stack>.lock.yaml`. An old lock without a stack name belongs to the only
stack that has no lock of its own. If there are several, reading fails: with another stack's lock, a
stack would be asked to move services that it never had.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from homelab.config.lock import Lock, parse_lock
from homelab.ops.project.reading import content, is_there
from homelab.problems import InvalidStackError, Problem

FIRST = "homelab.lock.yaml"


@dataclass(frozen=True)
class LockFile:
    """A stack's lock, and the name of its file."""

    name: str
    """File name, beside the stack file."""
    lock: Lock
    is_there: bool = True
    """Whether the file exists."""


def stack_names(directory: Path) -> list[str]:
    """Every stack of a project."""
    return sorted(p.name[7:-5] for p in directory.glob("Pulumi.*.yaml"))


def first_stack(directory: Path) -> str:
    """The stack that `homelab.lock.yaml` names; empty if there is no such file or name."""
    lock = _read(directory, FIRST)
    return lock.stack if lock is not None else ""


def read_lock(directory: Path, stack: str) -> LockFile:
    """The lock of one stack, empty if it has none yet. It always names the stack.

    Raises InvalidStackError if a lock is damaged, or its stack is not clear.
    """
    others = [name for name in stack_names(directory) if name != stack]
    own, first = _read(directory, _own(stack)), _read(directory, FIRST)
    if own is not None and own.stack not in ("", stack):
        raise _refused(
            _own(stack),
            f"this is the lock of {own.stack}, and its file name is that of {stack}",
            f"write stack: {stack} in it, if it was renamed; otherwise remove it",
        )
    if first is not None and _is_of(first, directory, stack, others, has_own=own is not None):
        if own is not None:
            raise _refused(
                FIRST,
                f"both this and {_own(stack)} are locks of {stack}",
                "keep the right one, and remove the other",
            )
        return LockFile(FIRST, _named(first, stack))
    name = _own(stack) if own is not None or first is not None or others else FIRST
    return LockFile(name, _named(own or Lock(), stack), is_there=own is not None)


def _is_of(lock: Lock, directory: Path, stack: str, others: list[str], *, has_own: bool) -> bool:
    """Whether `homelab.lock.yaml` is the lock of this stack."""
    if lock.stack == stack:
        return True
    if lock.stack in others:
        return False
    if lock.stack:
        raise _refused(
            FIRST,
            f"this is the lock of {lock.stack}, and there is no Pulumi.{lock.stack}.yaml",
            f"write stack: {stack} in it, if {lock.stack} was renamed; otherwise remove it",
        )
    without = [name for name in others if not is_there(directory / _own(name), _own(name))]
    if not has_own and without:
        names = ", ".join(sorted([stack, *without]))
        raise _refused(
            FIRST,
            f"this lock names no stack, and there are several here: {names}",
            f"write its stack in the first line, for instance stack: {without[0]}; "
            "then homelab lock writes the locks of the others",
        )
    return not has_own


def _own(stack: str) -> str:
    return f"homelab.{stack}.lock.yaml"


def _read(directory: Path, name: str) -> Lock | None:
    path = directory / name
    return parse_lock(content(path, name), name) if is_there(path, name) else None


def _named(lock: Lock, stack: str) -> Lock:
    return lock.model_copy(update={"stack": stack})


def _refused(where: str, what: str, way_out: str) -> InvalidStackError:
    return InvalidStackError([Problem(where, what, way_out)])
