"""The well-formed rest of a stack config, so that one mistyped value hides nothing else.

What cannot be read is left out: a whole service, host or dataset; elsewhere the value alone. A
problem that names what was left out may only be its absence, so it is not reported; neither is one
that names a service of such a host, nor a warning where a whole section is missing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from homelab.config.document import Document, Path_
from homelab.config.load import dates, follow
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.problems import Choice, Problem, did_you_mean
from homelab.services.plan import implied

_NAMED: dict[str, int] = {
    **dict.fromkeys(("services", "hosts", "datasets", "vpn", "flakes"), 2),
}
"""Sections of named things, each of which is left out as a whole."""
_LISTS: dict[str, Path_] = {
    "hosts": ("hosts",),
    "services": ("services",),
    "datasets": ("datasets",),
    "flakes": ("flakes",),
    "VPNs": ("vpn",),
    "pins": ("nixpkgs",),
    "targets": ("backup", "targets"),
}
"""What messages list by name, and where those names stand."""
_ROUNDS = 12
"""A value is left out at first, then what holds it, then what holds that."""


def rest_of(document: Document) -> tuple[StackConfig, frozenset[str]] | None:
    """The site without what cannot be read, and the names of what was left out and of what stands
    on that; `None` where too little is left to be a site.
    """
    values: dict[str, Value] = copy.deepcopy(dict(document.values))
    left_out: set[str] = set()
    paths = {*dates(values, ())}
    for _ in range(_ROUNDS):
        for path in sorted(paths, key=len, reverse=True):
            cut = path[: _NAMED.get(str(path[0]), len(path))] if path else ()
            removed = _remove(values, cut)
            if removed is None:
                return None
            left_out.add(removed)
        try:
            stack = StackConfig.model_validate(values)
        except ValidationError as error:
            paths = {follow(e["loc"])[0] for e in error.errors(include_url=False)}
        else:
            return stack, frozenset(left_out | _standing_on(stack, left_out))
    return None


def unrelated(problems: Iterable[Problem], names: frozenset[str]) -> list[Problem]:
    """The problems that say nothing of what was left out. A warning weighs the stack as a whole, so
    none is told of a stack that lacks a section.
    """
    if not names:
        return list(problems)
    if names & StackConfig.model_fields.keys():
        problems = [p for p in problems if p.severity == "error"]
    word = re.compile(rf"\b({'|'.join(re.escape(n) for n in sorted(names))})\b")
    return [p for p in problems if not word.search(f"{p.where} {p.what} {p.way_out}")]


def completed(problem: Problem, names: frozenset[str], document: Document) -> Problem:
    """The problem with what was left out named among what there is to choose from: it is there,
    though it cannot be read.
    """
    choice = problem.way_out
    if not isinstance(choice, Choice):
        return problem
    named = _names_at(document.values, _LISTS.get(choice.plural))
    if not names & named or not choice.known <= named:
        return problem
    known = choice.known | (names & named)
    return replace(problem, way_out=did_you_mean(choice.word, known, choice.plural))


def _names_at(values: object, path: Path_ | None) -> frozenset[str]:
    for part in path or ():
        values = values.get(part) if isinstance(values, Mapping) else None
    return frozenset(map(str, values)) if path and isinstance(values, Mapping) else frozenset()


def _standing_on(stack: StackConfig, names: Iterable[str]) -> set[str]:
    """The services and datasets whose host was left out, or the section that says their host: they
    are nowhere now, and so is all that others ask of them.
    """
    gone = {*names}
    asked = {name for name, at in implied(stack).items() if at and {h for h, _ in at} <= gone}
    placed = {**stack.services, **stack.datasets}
    if gone & StackConfig.model_fields.keys():
        asked |= {n for n, c in stack.services.items() if c.host is None and not c.tags}
    return asked | {name for name, config in placed.items() if config.host in gone}


def _remove(values: dict[str, Value], path: Path_) -> str | None:
    """Take out what stands at a path, or the nearest thing around it that is there; its name."""
    for end in range(len(path), 0, -1):
        holder: object = values
        for part in path[: end - 1]:
            if isinstance(holder, dict):
                holder = holder.get(part)
            elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
                holder = holder[part]
            else:
                holder = None
        last = path[end - 1]
        if isinstance(holder, dict) and last in holder:
            del holder[last]
            return str(last)
        if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
            del holder[last]
            return str(path[end - 2]) if end > 1 else None
    return None
