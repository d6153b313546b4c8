"""The valid rest of a stack config, so that one mistyped value does not hide other problems.

Only the invalid value is left out, or what contains it if it is required; of values that contradict
each other, one of them. A required value of `site`, `nixpkgs`, `network` or `hosts` is replaced by
a filling. A problem that names a part that was left out, or a filling, may come from that, so it is
not reported. Nor are problems that come with only one of two fillings, problems of services on a
host that was left out, those whose cause is a list that has become shorter, and warnings if a whole
section is missing.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from homelab.config.document import Document, Path_
from homelab.config.expansion import unexpanded
from homelab.config.load import ALIKE, dates, follow, unfits, where
from homelab.config.places import by_position, existing_in, remove, value_at, with_value
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.fillings import FILLINGS, WORDS, Filling
from homelab.problems import Choice, Problem, cause_of, did_you_mean
from homelab.services.plan import implied

_NAMED = frozenset(("catalog", "services", "hosts", "datasets", "vpn", "flakes"))
"""Sections with named entries that other sections refer to."""
_WHOLE = frozenset(("catalog", "services"))
"""Sections whose entries are left out as a whole if their parts contradict each other: without one
part, the service is of another kind."""
_COMMON = frozenset(("host", "hosts", "kind", "name", "path", "port", "url", "user"))
"""Keys of many sections."""
_LISTS: dict[str, Path_] = {
    "hosts": ("hosts",),
    "services": ("services",),
    "datasets": ("datasets",),
    "flakes": ("flakes",),
    "VPNs": ("vpn",),
    "pins": ("nixpkgs",),
    "targets": ("backup", "targets"),
}
"""Kinds of names that messages list, with the place of those names."""
_ROUNDS = 12
"""Number of attempts: first the value is left out, then what contains it, and so on."""


@dataclass(frozen=True)
class LeftOut:
    """What the rest of a stack config lacks."""

    names: frozenset[str]
    """The names of the parts that were left out, and of everything that depends on them."""
    lists: frozenset[str]
    """The sections with named entries that lack some: `backup.targets`."""
    values: frozenset[Path_] = frozenset()
    """The places of values that were left out of a named entry, which is there without them, and of
    lists that lack entries or parts of them."""


def rest_of(
    document: Document, filling: Filling = FILLINGS[0]
) -> tuple[StackConfig, LeftOut] | None:
    """The stack config without invalid parts, and what was left out; `None` if the rest is no valid
    stack config.
    """
    rest = _Rest(copy.deepcopy(dict(document.values)), {*unexpanded(document)})
    unfit = (path for path, _ in unfits(rest.values, ()))
    paths: dict[Path_, str] = dict.fromkeys((*dates(rest.values, ()), *unfit), "")
    for _ in range(_ROUNDS):
        if () in paths:
            return None
        found = {rest.culprit(p, what) for p, what in paths.items()}
        unfilled = [p for p in sorted(found, key=by_position) if not rest.fill(p, filling)]
        existing = {existing_in(rest.values, p) for p in unfilled}
        existing = {p for p in sorted(existing, key=by_position) if not rest.fill(p, filling)}
        if () in existing:
            return None
        # The last entries of a list first, because each removal moves those after it.
        for path in sorted(existing, key=by_position, reverse=True):
            contained = any(path[:n] in existing for n in range(1, len(path)))
            # What was in an entry that another value replaced is gone.
            if not contained and existing_in(rest.values, path) == path:
                rest.leave_out(path)
        try:
            stack = StackConfig.model_validate(rest.values)
        except ValidationError as error:
            paths = _wrong(error)
        else:
            return stack, rest.lacks(stack)
    return None


def _wrong(error: ValidationError) -> dict[Path_, str]:
    """The places of invalid values; for values that contradict each other, with what is wrong."""
    errors = error.errors(include_url=False)
    return {follow(e["loc"])[0]: e["msg"] if e["type"] == "value_error" else "" for e in errors}


@dataclass
class _Rest:
    """The values of a stack config while invalid ones are replaced or left out."""

    values: dict[str, Value]
    names: set[str]
    """Names of what was left out."""
    said: set[str] = field(default_factory=set)
    """Names and words that only a value in place of another gives a problem."""
    filled: set[Path_] = field(default_factory=set)
    shorter: set[Path_] = field(default_factory=set)
    inside: set[Path_] = field(default_factory=set)

    def fill(self, path: Path_, filling: Filling) -> bool:
        """Put a value in place of an invalid one; false if it can be left out, or if the key is
        what is invalid.
        """
        value = filling.value(path, self.values)
        if path in self.filled or value is None:
            return False
        holder = value_at(self.values, path[:-1])
        if not isinstance(holder, dict):
            return False
        holder[path[-1]] = copy.deepcopy(value)
        self.filled.add(path)
        if path[0] == "hosts" and len(path) > 2:
            self.inside.add(path)
        elif path[0] in ("hosts", "nixpkgs"):
            self.said.add(where(path[:2]))
            if path[0] == "hosts":
                self.said.update(map(str, path[1:] or (value if isinstance(value, dict) else ())))
            self.said.update(WORDS)
            self.shorter.update((path[:1], path[:2]))
        else:
            self.names.update((where(path), *WORDS))
        return True

    def culprit(self, path: Path_, what: str) -> Path_:
        """The part of a place without which the rest of it is valid, or the place itself. Of
        several, one that the message names, and its host last, on which more depends.
        """
        if not what or path[0] in _WHOLE or existing_in(self.values, path) != path:
            return path
        holder = value_at(self.values, path)
        if not isinstance(holder, dict):
            return path
        for key in sorted(holder, key=lambda k: (k == "host", not _says(k, what))):
            others = {k: v for k, v in holder.items() if k != key}
            try:
                StackConfig.model_validate(with_value(self.values, path, others))
            except ValidationError as error:
                if any(wrong[: len(path)] == path for wrong in _wrong(error)):
                    continue
            return (*path, key)
        return path

    def leave_out(self, path: Path_) -> None:
        """Remove the value at an existing place."""
        name = remove(self.values, path)
        self.inside.update(path[:n] for n, part in enumerate(path) if isinstance(part, int))
        if path[0] in _NAMED and len(path) > 2:
            self.inside.add(path)
        else:
            # Of a word that many messages say, only the whole place tells what it belongs to.
            said = (where(path), where(path[:-1])) if name in _COMMON else (name,)
            self.names.update(said)
            self.shorter.update((path, path[:-1]))
            if len(path) == 1 and (section := self._meant(name)):
                self.names.add(section)
                self.shorter.add((section,))

    def _meant(self, name: str) -> str:
        """The section that a mistyped key at the top stands for. Without it the stack lacks all
        that was to be in it.
        """
        sections = sorted(StackConfig.model_fields)
        close = difflib.get_close_matches(name, sections, n=1, cutoff=ALIKE)
        return "" if not close or close[0] in self.values else close[0]

    def lacks(self, stack: StackConfig) -> LeftOut:
        """What the valid rest lacks."""
        lists = {where(path) for path in self.shorter}
        if any(target.host in self.names for target in stack.backup.targets.values()):
            lists.add("backup.targets")
        return LeftOut(
            frozenset(self.names | self.said | _standing_on(stack, self.names)),
            frozenset(lists),
            frozenset(self.inside),
        )


def unrelated(problems: Iterable[Problem], left_out: LeftOut) -> list[Problem]:
    """The problems that do not name a part that was left out. Warnings concern the stack as a
    whole, so none is reported if a section or a value of `site` is missing.
    """
    problems = [
        p
        for p in problems
        if not any(_may_follow(p, v) for v in left_out.values) and not _is_name_of(p, left_out)
    ]
    names = left_out.names
    if not names:
        return problems
    of_site = any(path.partition(".")[0] == "site" for path in left_out.lists)
    if of_site or names & StackConfig.model_fields.keys():
        problems = [p for p in problems if p.severity == "error"]
    word = re.compile(rf"\b({'|'.join(re.escape(n) for n in sorted(names))})\b")
    return [
        p
        for p in problems
        if not word.search(f"{p.where} {_text(p)}") and cause_of(p) not in left_out.lists
    ]


def _may_follow(problem: Problem, value: Path_) -> bool:
    """Whether a problem may come from the lack of a value inside a named entry, or of a part of a
    list.
    """
    place, missing, entry = problem.where, where(value), where(value[:2])
    text = _text(problem)
    if f"{missing}.".startswith(f"{place}.") or place.startswith((f"{missing}.", f"{missing}[")):
        return True
    if value[0] not in _NAMED:
        return False
    if place == entry or place.startswith(f"{entry}."):
        # A sibling of the value, which needs it if it says so.
        return _says(value[-1], text) or _says(value[1], text)
    return _says(value[1], f"{place} {text}")


def _text(problem: Problem) -> str:
    """What the problem says, without a list of the names that exist."""
    way_out = problem.way_out
    said = way_out.after if isinstance(way_out, Choice) else way_out
    return f"{problem.what} {said} {cause_of(problem)}"


def _says(name: str | int, text: str) -> bool:
    return bool(re.search(rf"\b{re.escape(str(name))}\b", text))


def _is_name_of(problem: Problem, left_out: LeftOut) -> bool:
    """Whether an unknown name of the tailnet may be that of a machine that was left out, or a tag
    of a host that was left out or lacks a value.
    """
    choice = problem.way_out
    if not isinstance(choice, Choice) or choice.plural != "names":
        return False
    is_tag = choice.word.startswith("tag:")
    some_host = "hosts" in left_out.lists or any(v[0] == "hosts" for v in left_out.values)
    return "tailnet.machines" in left_out.lists or (is_tag and some_host)


def in_each(found: Iterable[Iterable[Problem]]) -> list[Problem]:
    """The problems that come with every filling, so that none comes from one of its values."""
    first, *others = ({(p.where, p.what, p.check): p for p in problems} for problems in found)
    return [p for key, p in first.items() if all(key in other for other in others)]


def completed(problem: Problem, left_out: LeftOut, document: Document) -> Problem:
    """The problem with the parts that were left out added to its list of names, because they exist
    although they are invalid.
    """
    choice, names = problem.way_out, left_out.names
    if not isinstance(choice, Choice):
        return problem
    named = _names_at(document.values, _LISTS.get(choice.plural))
    if not names & named or not choice.known <= named:
        return problem
    known = choice.known | (names & named)
    offered = did_you_mean(choice.word, known, choice.plural)
    return replace(problem, way_out=offered + choice.after)


def _names_at(values: object, path: Path_ | None) -> frozenset[str]:
    for part in path or ():
        values = values.get(part) if isinstance(values, Mapping) else None
    return frozenset(map(str, values)) if path and isinstance(values, Mapping) else frozenset()


def _standing_on(stack: StackConfig, names: Iterable[str]) -> set[str]:
    """The services and datasets whose host, or the section that sets their host, was left out."""
    gone = {*names}
    asked = {name for name, at in implied(stack).items() if at and {h for h, _ in at} <= gone}
    placed = {**stack.services, **stack.datasets}
    if gone & StackConfig.model_fields.keys():
        asked |= {n for n, c in stack.services.items() if c.host is None and not c.tags}
    return asked | {name for name, config in placed.items() if config.host in gone}
