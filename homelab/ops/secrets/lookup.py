"""Read a secret by its reference."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.ops.secrets import onepassword, sops
from homelab.ops.secrets.tool import SecretUnavailableError

__all__ = ["SecretUnavailableError", "resolve", "resolve_all"]

_AT_ONCE = 4
"""Processes of sops at the same time."""


def resolve(ref: SecretRef, directory: Path, file: str) -> str:
    """The value of a reference. `file` is the sops file with its keys, below `directory`."""
    if ref.op is not None:
        return onepassword.resolve(ref)
    return sops.resolve(ref, directory, file)


def resolve_all(
    refs: Iterable[SecretRef], directory: Path, file: str
) -> tuple[dict[str, str], list[SecretUnavailableError]]:
    """The values of references by name, and what is wrong with the others.

    sops runs for several at once. 1Password is asked one at a time, as it may ask a person.
    """

    def attempt(ref: SecretRef) -> str | SecretUnavailableError:
        try:
            return resolve(ref, directory, file)
        except SecretUnavailableError as error:
            return error

    every = list(refs)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # A thread has no context variables of its own accord.
        running = {
            ref.name: pool.submit(copy_context().run, attempt, ref)
            for ref in every
            if ref.op is None
        }
        found = {ref.name: attempt(ref) for ref in every if ref.op is not None}
        found |= {name: future.result() for name, future in running.items()}
    results = [(ref.name, found[ref.name]) for ref in every]
    return (
        {name: value for name, value in results if isinstance(value, str)},
        [value for _, value in results if isinstance(value, SecretUnavailableError)],
    )
