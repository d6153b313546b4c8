"""Openings: what a setting lets in that the plan does not know, and what to look for.

A rule looks at one option, however it was spelled: the stack config's options and hand-written
modules have both become paths with values by then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from homelab.nix.source import Computed, Setting, Value
from homelab.plan import Plan
from homelab.problems import Severity
from homelab.system.model import Host


@dataclass(frozen=True)
class View:
    """What a rule may look at beside the option itself."""

    plan: Plan
    host: Host
    settings: tuple[Setting, ...]
    """Everything that is set beside it, in the same place."""

    def value(self, *path: str) -> Value:
        """What else is set to a path there, by the last who says it."""
        return next((s.value for s in reversed(self.settings) if s.path == path), None)


@dataclass(frozen=True)
class Opening:
    """One thing that an option opens: what, the way out, and the word to accept it by."""

    word: str
    what: str
    way_out: str
    severity: Severity = "error"
    acceptable: bool = False
    """Whether the owner may accept it with a reason: where the plan stays true all the same."""


Test = Callable[[Value], bool]
Look = Callable[[Setting, View], Iterable[Opening]]


@dataclass(frozen=True)
class Rule:
    """Which options to look at, and how."""

    path: tuple[str, ...]
    look: Look


def rule(*paths: str) -> Callable[[Look], Look]:
    """Register a function for the options of these paths: `*` is one part, `**` any number."""

    def register(look: Look) -> Look:
        RULES.extend(Rule(tuple(path.split(".")), look) for path in paths)
        return look

    return register


def when(
    test: Test,
    *paths: str,
    word: str,
    what: str,
    way_out: str,
    severity: Severity = "error",
    acceptable: bool = False,
) -> None:
    """Register one sentence about the options of these paths, where their value passes a test.

    `{option}` in it is the option, `{value}` what it is set to.
    """

    def look(setting: Setting, view: View) -> Iterator[Opening]:
        if test(setting.value):
            fields = {"option": setting.name, "value": shown(setting.value)}
            yield Opening(
                word, what.format(**fields), way_out.format(**fields), severity, acceptable
            )

    rule(*paths)(look)


RULES: list[Rule] = []
"""All that is looked for, in the order in which the modules beside this one name it."""


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a path is one that a pattern means. A part that is computed may be any."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(matches(pattern[1:], path[i:]) for i in range(len(path) + 1))
    if not path:
        return False
    return (pattern[0] in ("*", path[0])) and matches(pattern[1:], path[1:])


def is_true(value: Value) -> bool:
    """Switched on."""
    return value is True


def is_false(value: Value) -> bool:
    """Switched off."""
    return value is False


def is_set(value: Value) -> bool:
    """Anything but nothing, also where only Nix knows what."""
    return value not in (None, False, "", ()) and value != {}


def like(pattern: str) -> Test:
    """Text, or a list with text, in which the pattern is found; upper and lower case alike."""
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    return lambda value: any(compiled.search(t) for t in texts(value))


def texts(value: Value) -> Iterator[str]:
    """Every text in a value, that of computed parts too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Computed):
        yield value.text
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield f"{value:.15g}" if abs(value) < 1e300 else ""
    elif isinstance(value, tuple):
        for inner in value:
            yield from texts(inner)
    else:
        for inner in value.values():
            yield from texts(inner)


def shown(value: Value) -> str:
    """A value in a message: short, and never a long text."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Computed):
        return "what Nix computes"
    if isinstance(value, str | int | float):
        text = " ".join(" ".join(texts(value)).split())
        return text if len(text) < 40 else f"{text[:37]}…"
    if isinstance(value, tuple):
        items = [shown(v) for v in value[:4]]
        return ", ".join(items) + (", …" if len(value) > 4 else "")
    return "a set"
