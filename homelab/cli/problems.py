"""How the command line says what is wrong: one form of line, whatever found it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from homelab.problems import HomelabError, InvalidStackError, Problem


def print_problems(
    problems: Iterable[Problem], about: str = "", *, out: TextIO | None = None
) -> None:
    """A line each on standard output, or `out`: severity, what it is about, the problem."""
    for problem in problems:
        print(problem.said(about), file=out)


def print_error(error: HomelabError, words: Callable[[str], str] = str) -> None:
    """What stopped a command, on standard error. `words` puts it in other words."""
    if isinstance(error, InvalidStackError):
        said = "\n".join(p.said() for p in error.problems)
    else:
        said = f"error: {error}"
    print(words(said), file=sys.stderr)
