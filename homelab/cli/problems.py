"""Print problems on the command line, in one form for all commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from homelab.problems import HomelabError, InvalidStackError, Problem, lines_of


def print_problems(
    problems: Iterable[Problem], about: str = "", *, out: TextIO | None = None
) -> None:
    """Print one line for each problem to standard output or `out`; `lines_of` shortens them."""
    for line in lines_of(problems, about):
        print(line, file=out)


def print_error(error: HomelabError, words: Callable[[str], str] = str) -> None:
    """Print an error to standard error. `words` may rewrite its text."""
    if isinstance(error, InvalidStackError):
        said = "\n".join(lines_of(error.problems))
    else:
        said = f"error: {error}"
    print(words(said), file=sys.stderr)
