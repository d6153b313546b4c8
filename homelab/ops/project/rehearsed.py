"""Whether what runs now reads or rehearses alone, and does without secrets files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_REHEARSED: ContextVar[bool] = ContextVar("rehearsed", default=False)


@contextmanager
def rehearsed() -> Iterator[None]:
    """Stacks that are opened inside need no secrets files: a stand-in has every name, and what a
    real `up` would lack is a warning.

    It holds for this context alone and cannot be set from outside the process, so no `pulumi up`
    ever sends a stand-in to a host.
    """
    token = _REHEARSED.set(True)
    try:
        yield
    finally:
        _REHEARSED.reset(token)


def is_rehearsed() -> bool:
    """Whether this is inside `rehearsed`."""
    return _REHEARSED.get()
