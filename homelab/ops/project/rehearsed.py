"""A context for commands that only read or rehearse, and so need no secrets files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_REHEARSED: ContextVar[bool] = ContextVar("rehearsed", default=False)
_RECORDED: ContextVar[bool] = ContextVar("recorded", default=False)


@contextmanager
def rehearsed() -> Iterator[None]:
    """Stacks opened inside need no secrets files: every secret has a stand-in, and what a real `up`
    would lack is a warning.

    A context variable of this process, not an environment variable, so `pulumi up` never sends a
    stand-in to a host.
    """
    token = _REHEARSED.set(True)
    try:
        yield
    finally:
        _REHEARSED.reset(token)


def is_rehearsed() -> bool:
    """Whether this is inside `rehearsed`."""
    return _REHEARSED.get()


@contextmanager
def recorded() -> Iterator[None]:
    """A program run inside deploys nothing: its resources are recorded by a test."""
    token = _RECORDED.set(True)
    try:
        yield
    finally:
        _RECORDED.reset(token)


def deploys() -> bool:
    """Whether a program that runs now deploys to real hosts, unless it is a preview."""
    return not (_REHEARSED.get() or _RECORDED.get())
