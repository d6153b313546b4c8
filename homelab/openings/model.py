"""Openings: access that an option gives outside the plan, and the rules that find them.

A rule looks at one option as a path with a value, so it is the same for options of the stack config
and for hand-written modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from homelab.nix.source import Computed, Setting, Value
from homelab.plan import Plan
from homelab.problems import Severity
from homelab.secret_shapes import masked
from homelab.services.declared import path_parts
from homelab.system.model import Host


@dataclass(frozen=True)
class View:
    """What a rule may read besides the option itself."""

    plan: Plan
    host: Host
    settings: tuple[Setting, ...]
    """All options of the same source."""

    def value(self, *path: str) -> Value:
        """The last value of another option of the same source; None if it is not set."""
        return next((s.value for s in reversed(self.settings) if s.path == path), None)


@dataclass(frozen=True)
class Opening:
    """One thing that an option opens: what, the way out, and the name to accept it by."""

    word: str
    what: str
    way_out: str
    severity: Severity = "error"
    acceptable: bool = False
    """Whether `accept` may allow it with a reason, because the plan stays correct even so."""
    cause: str = ""
    """The key that is missing, as `Problem.cause`."""


Test = Callable[[Value], bool]
Look = Callable[[Setting, View], Iterable[Opening]]


@dataclass(frozen=True)
class Rule:
    """A function, and the options that it looks at."""

    path: tuple[str, ...]
    look: Look


def rule(*paths: str) -> Callable[[Look], Look]:
    """Register a function for the options of these paths: `*` is one part, `**` any number."""

    def register(look: Look) -> Look:
        RULES.extend(Rule(path_parts(path), look) for path in paths)
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
    """Register a message for the options of these paths whose value passes a test.

    In the message `{option}` is the option and `{value}` its value.
    """

    def look(setting: Setting, view: View) -> Iterator[Opening]:
        if test(setting.value):
            fields = {"option": setting.name, "value": shown(setting.value)}
            yield Opening(
                word, what.format(**fields), way_out.format(**fields), severity, acceptable
            )

    rule(*paths)(look)


RULES: list[Rule] = []
"""All rules, in the order of registration."""


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a path matches a pattern: `*` is any name, also a computed one, `**` any number of
    them. A computed part matches no other name.
    """
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(matches(pattern[1:], path[i:]) for i in range(len(path) + 1))
    if not path:
        return False
    return (pattern[0] in ("*", path[0])) and matches(pattern[1:], path[1:])


def is_true(value: Value) -> bool:
    """Whether it is true."""
    return value is True


def is_false(value: Value) -> bool:
    """Whether it is false."""
    return value is False


def is_set(value: Value) -> bool:
    """Whether it has a value that is not empty, or one that only Nix can compute."""
    return value not in (None, False, "", ()) and value != {}


def is_computed(value: Value) -> bool:
    """Whether only evaluation can determine it."""
    return isinstance(value, Computed)


def like(pattern: str) -> Test:
    """A test for text, or a list with text, that matches the pattern, ignoring case."""
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    return lambda value: any(compiled.search(t) for t in texts(value))


def texts(value: Value) -> Iterator[str]:
    """Every text in a value, also in computed parts."""
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
    """A value as a message shows it, shortened and without secrets."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Computed):
        return "a computed value"
    if isinstance(value, str | int | float):
        text = masked(" ".join(" ".join(texts(value)).split()))
        return text if len(text) < 40 else f"{text[:37]}…"
    if isinstance(value, tuple):
        items = [shown(v) for v in value[:4]]
        return ", ".join(items) + (", …" if len(value) > 4 else "")
    return "a set"


TEMPLATES = ("homelab", "templates")
"""Start of the path of a template that a service of the stack config has; its name is the last."""
_OF_CONTAINER = re.compile(r"services\.([^.]+)\.containers?\.")


def service_of_container(setting: Setting) -> str:
    """The service whose own section of a container has a setting; empty for any other setting."""
    found = _OF_CONTAINER.match(setting.source)
    return found[1] if found else ""
