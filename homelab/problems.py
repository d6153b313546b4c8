"""Problems of a stack, in a form that tells its owner how to fix them.

Every package reports `Problem`s and neither prints nor raises them. `HomelabError` carries them to
the program or the command line, which shows all of them at once.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # The command line starts without Pydantic.
    from pydantic import JsonValue

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """One problem: where, what, and the way out. Never contains a secret value: a text that quotes
    one with a known form has the kind of secret in its place.
    """

    where: str
    """Path in the stack config: `services.immich.host`. For another file of the owner, its path and
    line: `docs/nas.md:3`."""
    what: str
    way_out: str = ""
    check: str = ""
    """Id of the check that found it; empty for a value of the wrong shape."""
    severity: Severity = "error"
    cause: str = field(default="", compare=False)
    """The key of the stack config that is missing or wrong, as `identity`, if other places suffer
    from it too. `by_cause` makes one problem of those with one cause."""
    also: tuple[Problem, ...] = field(default=(), compare=False)
    """The other problems with the same cause, which this one stands for."""
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        # The command line starts without compiling the forms of secrets.
        from homelab.secret_shapes import masked

        for name in ("where", "what", "way_out"):
            text = getattr(self, name)
            # A `Choice` without a secret stays one.
            if (hidden := masked(text)) != text:
                object.__setattr__(self, name, hidden)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else ""
        if place == f"{self.where}: ":
            place = ""  # The place is a line of another file than the stack config.
        tail = f"; {shortened(self.way_out)}" if self.way_out else ""
        label = f" [{self.check}]" if self.check else ""
        return f"{place}{self.where}: {shortened(self.what)}{self._places()}{tail}{label}"

    def _places(self) -> str:
        """The other places with the same cause, in parentheses."""
        places = sorted({p.where for p in self.also} - {self.where})
        if len(places) > _LONG:
            return f" (also at {', '.join(places[:_SHOWN])} and {len(places) - _SHOWN} more)"
        return f" (also at {enumerated(places)})" if places else ""

    def said(self, about: str = "") -> str:
        """The line that is shown to people: `error: pi: where: what; way out`."""
        return f"{self.severity}: {about}{': ' if about else ''}{self}"

    def as_data(self) -> dict[str, JsonValue]:
        """The problem as plain data, for scripts."""
        return {
            "where": self.where,
            "what": self.what,
            "way_out": self.way_out,
            "check": self.check,
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "also": [p.as_data() for p in self.also],
        }


def enumerated(names: Sequence[str]) -> str:
    """Names as a sentence lists them: `a, b and c`. There is at least one."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in words: `permission denied`, `it is not UTF-8 text`."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link that leads back to itself"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    return (error.strerror or type(error).__name__).lower()


def unread(
    where: str, error: OSError | UnicodeDecodeError, name: str = "", file: str = ""
) -> Problem:
    """The problem of a file or directory that is there and cannot be read. `name` is its path where
    `where` is the place in the stack config that names it.
    """
    said = unreadable(error)
    if isinstance(error, FileNotFoundError):
        said = "it is a symbolic link, and what it leads to is not there"
    path = name or where
    if isinstance(error, UnicodeDecodeError):
        way_out = "save it as UTF-8"
    elif isinstance(error, PermissionError):
        way_out = f"let your user read it, as its owner: chmod u+rX {path}"
    elif isinstance(error, IsADirectoryError):
        way_out = "move the directory away, and restore the file"
    elif isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP:
        way_out = "replace the link by the file, or remove it"
    else:
        way_out = "fix its permissions or its disk"
    what = f"{_UNREAD}: {said}"
    return Problem(where, f"{name} {what}" if name else what, way_out, file=file)


def is_unread(problem: Problem) -> bool:
    """Whether `unread` made it: then nobody knows what is in the file."""
    return f"{_UNREAD}: " in problem.what


_UNREAD = "cannot be read"
_LONG, _SHOWN = 12, 8
_ITEM = re.compile(r", (?![^\[\]]*\])")
"""Between two items of a list that is not in brackets."""


def shortened(text: str) -> str:
    """The text with each long list cut: `a, b, c, … and 190 more`. A list in brackets is there to
    be copied, and stays whole.
    """
    parts = []
    for part in re.split(r"(; |\. )", text):
        items = _ITEM.split(part)
        if len(items) > _LONG:
            # Text after the list is part of its last item.
            _, _, after = items[-1].partition(" ")
            rest = f" {after}" if after else ""
            parts.append(f"{', '.join(items[:_SHOWN])} and {len(items) - _SHOWN} more{rest}")
        else:
            parts.append(part)
    return "".join(parts)


def lines_of(problems: Iterable[Problem], about: str = "") -> Iterator[str]:
    """One line for each cause. Of more than 12 of one kind, the first 8 and how many follow."""
    found = by_cause(problems)
    counts = Counter(map(_kind, found))
    seen: Counter[tuple[str, ...]] = Counter()
    for problem in found:
        kind = _kind(problem)
        seen[kind] += 1
        if counts[kind] <= _LONG or seen[kind] <= _SHOWN:
            yield problem.said(about)
        elif seen[kind] == counts[kind]:
            label = f" [{problem.check}]" if problem.check else f": {shortened(problem.what)}"
            yield f"{problem.severity}: and {counts[kind] - _SHOWN} more{label}"


def _kind(problem: Problem) -> tuple[str, ...]:
    """The check, or for a value of the wrong shape the field and what is wrong with it."""
    field_name = "" if problem.check else problem.where.rpartition(".")[2]
    return (problem.severity, problem.check, field_name, "" if problem.check else problem.what)


_SECTIONS: Mapping[str, str] = {
    "buckets": "cloudflare.buckets",
    "datasets": "datasets",
    "flakes": "flakes",
    "hosts": "hosts",
    "hosts that are always on": "hosts",
    "identity groups": "identity.groups",
    "names": "names",
    "people": "site.members",
    "pins": "nixpkgs",
    "services": "services",
    "targets": "backup.targets",
    "VPNs": "vpn",
}
"""By kind of names in a way out, the section that would have the missing name. Only kinds that
many places may name: a mistyped key or value is a mistake of its own at each place."""


def cause_of(problem: Problem) -> str:
    """The key of the stack config that is missing or wrong; empty if no other problem shares it. A
    name that does not exist is a cause without a word from the check.
    """
    choice = problem.way_out
    if problem.cause or not isinstance(choice, Choice):
        return problem.cause
    section = _SECTIONS.get(choice.plural, "")
    # Where there are none at all, the section is what is missing, not each name.
    return f"{section}.{choice.word}" if section and choice.known else section


def by_cause(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in order, those with one cause as one that names the places of the others.

    That is an error rather than a warning, one that asks for the missing section if there is one,
    at the place of the cause if there is one, of the check that found the most of them, and the
    first of those. Problems that its way out would not solve stay apart.
    """
    groups: dict[tuple[str, str], list[Problem]] = {}
    for index, problem in enumerate(problems):
        cause = cause_of(problem)
        # Several stacks may be checked at once. A problem without a cause is its own group.
        key = (problem.file, cause) if cause else ("", f" {index}")
        groups.setdefault(key, []).append(problem)
    return [_one(c, part) for (_, c), group in groups.items() for part in _solved(c, group)]


def _solved(cause: str, group: list[Problem]) -> Iterable[list[Problem]]:
    """The problems of a group that one way out solves. Where a section is missing and no way out of
    the group begins with it, as with another issuer in place of `cloudflare`, each check has its
    own.
    """
    worst = min(p.severity for p in group)
    if "." in cause or any(not p.cause or _adds(cause, p) for p in group if p.severity == worst):
        return [group]
    checks: dict[str, list[Problem]] = {}
    for problem in group:
        checks.setdefault(problem.check, []).append(problem)
    return checks.values()


def _adds(cause: str, problem: Problem) -> bool:
    """Whether its way out is first of all to add the section that is missing."""
    return problem.way_out.startswith((f"add {cause}", f"add homelab:{cause}"))


def _one(cause: str, group: list[Problem]) -> Problem:
    checks = Counter(p.check for p in group)
    ordered = sorted(
        group,
        key=lambda p: (
            p.severity != "error",
            not _adds(cause, p),
            p.where != cause,
            -checks[p.check],
        ),
    )
    first, *others = (part for p in ordered for part in (replace(p, also=()), *p.also))
    return replace(first, also=tuple(others)) if others else first


class HomelabError(Exception):
    """Base of every error that is shown to users. Its text is the whole message."""

    exit_code = 1


class InvalidStackError(HomelabError):
    """The stack config is invalid; carries every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        shown = by_cause(self.problems)
        errors = sum(p.severity == "error" for p in shown)
        warnings = len(shown) - errors
        head = f"{errors} problem{'s' if errors != 1 else ''}"
        if warnings:
            head += f" and {warnings} warning{'s' if warnings != 1 else ''}"
        lines = (f"  {line}" for line in lines_of(shown))
        super().__init__("\n".join([f"{head} in the stack:", *lines]))


class UsageError(HomelabError):
    """The command line is invalid (exit code 2)."""

    exit_code = 2

    def __str__(self) -> str:
        return shortened(super().__str__())


class Choice(str):
    """A way out that is one of several names, with those names. It stays one if text is added."""

    __slots__ = ("after", "known", "plural", "word")

    word: str
    known: frozenset[str]
    plural: str
    after: str
    """The text after the list of names."""

    def __add__(self, text: str) -> Choice:
        made = Choice(f"{self!s}{text}")
        made.word, made.known, made.plural = self.word, self.known, self.plural
        made.after = f"{self.after}{text}"
        return made


def did_you_mean(word: str, known: Iterable[str], plural: str, *, alike: float = 0.5) -> Choice:
    """A way out with the nearest known name and a list of all: the nearest first, then sorted.

    `alike` is the least likeness of the nearest name, from 0 to 1.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=alike)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    listed = [*close, *(name for name in names if name not in close)]
    text = (
        f"{hint}{plural.capitalize()}: {', '.join(listed)}"
        if names
        else f"there are no {plural} yet"
    )
    made = Choice(text)
    made.word, made.known, made.plural, made.after = word, frozenset(names), plural, ""
    return made
