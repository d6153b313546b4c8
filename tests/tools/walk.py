"""One test for many small cases. A case that takes no time costs pytest some milliseconds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import pytest


def walk(
    argument: str, cases: Iterable[object], named: str = "name"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The test runs with each case as this argument, to the end, and reports every case that fails
    by its name: the attribute `named` if it has one. Several of these give each combination. For
    cases without a fixture of their own.
    """
    values = [*cases]

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        def test(**others: object) -> None:
            failed: list[Exception] = []
            skipped: list[str] = []
            for value in values:
                try:
                    function(**others, **{argument: value})
                except pytest.skip.Exception as skip:
                    skipped.append(str(skip))
                except Exception as error:  # noqa: BLE001 - the last line raises them
                    error.add_note(f"{argument}: {getattr(value, named, value)}")
                    failed.append(error)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(values)}", failed)
            if len(skipped) == len(values):
                pytest.skip(skipped[0] if skipped else "there is no case")

        signature = inspect.signature(function)
        rest = [p for n, p in signature.parameters.items() if n != argument]
        assert len(rest) < len(signature.parameters), f"{function.__name__} has no {argument}"
        test.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        test.__name__, test.__doc__ = function.__name__, function.__doc__
        test.__module__, test.__qualname__ = function.__module__, function.__qualname__
        test.__dict__ |= {k: v for k, v in function.__dict__.items() if k == "pytestmark"}
        return test

    return decorated
