"""A way out as a reader takes it, and what must be true of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from homelab import testing
from homelab.certificates.root import root_ends
from homelab.checks import run_checks
from homelab.cloudflare.checks import ended
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.ops.project.stack import check_sources
from homelab.planner import make_plan
from homelab.problems import InvalidStackError, Problem
from homelab.proxy.checks import outlived
from homelab.secrets.deployer import check_deployer
from tests import build, stackdir

Changes = Mapping[str, object]
"""Merged over a stack; None takes a key away."""
TODAY = "2026-01-01"
NULL = "~"
"""Stands in changes for a null that is written, where None takes the key away."""


@dataclass(frozen=True)
class WayOut:
    """One message, and its reader."""

    check: str
    """Id of the check; empty for a value of the wrong shape."""
    broken: Changes
    """What makes the problem, merged over the smallest homelab without an error."""
    applied: Changes
    """What a reader writes who does as the message says, merged over `broken`."""
    where: str = ""
    """Start of the problem's place, where a check finds several."""
    says: str = ""
    """A part of what is wrong, where a check has several messages."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Each value or new name that the reader chooses, with the words of the way out that ask for
    one of its kind. What the message spells out need not be here.
    """
    beside: tuple[str, ...] = ()
    """Other errors that rightly stand beside this one; their ways out are followed as well."""
    warns: tuple[str, ...] = ()
    """Warnings that the mended stack rightly has, and the broken one had not."""
    lock: Lock = field(default_factory=Lock)
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts of files beside the broken stack, by path."""
    mended: Mapping[str, str] = field(default_factory=dict)
    """Texts of those that the reader edits, afterwards."""
    kind: str = ""
    """For a value of the wrong shape: what kind of mistake it is."""

    @property
    def name(self) -> str:
        """What a test is called."""
        told = self.where or self.says or "all"
        return f"{self.check or self.kind}-{told}".replace(" ", "-")

    def before(self) -> list[Problem]:
        """What is said of the broken stack."""
        return problems(self.config(), self.lock, self.files)

    def after(self) -> list[Problem]:
        """What is said of the stack that the reader has then."""
        return problems(self.config(applied=True), self.lock, {**self.files, **self.mended})

    def config(self, *, applied: bool = False) -> dict[str, object]:
        """The stack config, as data."""
        changes = stackdir.changed(self.broken)
        config = build.config(testing.merged(changes, self.applied) if applied else changes)
        return _written(stackdir.without_nulls(config))  # type: ignore[return-value]

    def chosen(self, found: list[Problem]) -> Problem:
        """The one problem that this is about."""
        mine = [
            p
            for p in found
            if p.check == self.check and p.where.startswith(self.where) and self.says in p.what
        ]
        shown = "\n".join(map(str, found))
        assert len(mine) == 1, f"{len(mine)} problems of {self.name}, of:\n{shown}"
        return mine[0]

    def unsaid(self, texts: list[Problem]) -> Iterator[str]:
        """Each edit that no message asks for."""
        yield from Reading(self, texts).unsaid()


def problems(
    config: dict[str, object], lock: Lock, files: Mapping[str, str] | None = None
) -> list[Problem]:
    """All that is said of a stack with these files beside it, in place of the stand-ins."""
    try:
        site = load_stack_config(Document(config))  # type: ignore[arg-type]
    except InvalidStackError as error:
        return list(error.problems)
    plan = make_plan(site, lock)
    given = dict(files or {})
    # A module may be a directory, and then there is no file of its name.
    stand_ins = build.sources(plan).items()
    sources = {p: t for p, t in stand_ins if not any(g.startswith(f"{p}/") for g in given)} | given
    found = set(run_checks(plan))
    sound = not any(p.severity == "error" for p in found)
    found |= {*check_sources(plan, sources, sound=sound), *check_deployer(plan, sources)}
    found |= {*outlived(plan, TODAY), *ended(plan, TODAY), *root_ends(plan, sources, TODAY)}
    seen: dict[tuple[str, str], Problem] = {}
    for problem in sorted(found):
        seen.setdefault((problem.where, problem.what), problem)
    return [*seen.values()]


@dataclass(frozen=True)
class Edit:
    """One value of the stack config that differs: None stands for one that is not there."""

    path: tuple[str | int, ...]
    old: object
    new: object
    renamed: bool = False
    """The key has another name, `new`, and its value is as it was."""

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.old!r} -> {self.new!r}"


AWAY = re.compile(r"\b(leave|drop|remove|take|move \w+ into|keep (one|\w+ alone)|delete)\b")
"""Words by which a message asks to take something away."""


@dataclass(frozen=True)
class Reading:
    """Messages, read by somebody who does what they say and nothing else.

    Each key on the way to an edited value, and the value, stand in a message as a word of their
    own, or the entry quotes the words of the way out that ask for it (`asked`). Something of each
    edit stands in a way out itself: the value, its key, what asks for it, or that it goes.
    """

    way: WayOut
    texts: list[Problem]

    def unsaid(self) -> Iterator[str]:
        ways = "\n".join(p.way_out for p in self.texts)
        for value, words in self.way.asked.items():
            if words not in ways or not re.search(r"[\s…<]", words):
                yield f"no way out asks for {value!r} by the words {words!r}"
        edits = list(edits_of(self.way.config(), self.way.config(applied=True)))
        for edit in edits:
            yield from self._unsaid(edit)
        for path, text in self.way.mended.items():
            old = self.way.files.get(path, "").splitlines()
            gone, come = set(old) - set(text.splitlines()), set(text.splitlines()) - set(old)
            if len(gone) > len(come) and not AWAY.search(ways):
                yield f"{path}: no way out asks to take a line away"
            for line in text.splitlines():
                if line not in old:
                    for word in re.findall(r"[A-Za-z_][\w./-]+", line):
                        if not self._said(word):
                            yield f"{path}: {word!r} of {line.strip()!r} stands in no message"
        if not edits and not self.way.mended:
            yield "nothing is edited"

    def _unsaid(self, edit: Edit) -> Iterator[str]:
        ways = "\n".join(p.way_out for p in self.texts)
        keys = [k for k in edit.path if isinstance(k, str)]
        for key in keys:
            if not self._said(key):
                yield f"{edit}: the key {key!r} stands in no message"
        if edit.new is None:
            named = keys[-1] if keys else ""
            if not self._goes(edit, named):
                yield f"{edit}: no way out asks to take it away"
            return
        if _is_rewritten(edit) and re.search(r"quotes?\b|\[a, b\]", ways):
            return
        if edit.renamed:
            parts = set(str(edit.new).split(".")) - set(str(edit.old).split("."))
            if not all(self._in_way(part) for part in parts):
                yield f"{edit}: no way out names it so"
        elif not self._said(edit.new) and not self._asked_by_key(keys[-1] if keys else ""):
            yield f"{edit}: the value stands in no message"
        elif not any(self._in_way(word) for word in (edit.new, *keys)):
            yield f"{edit}: no way out speaks of it"

    def _goes(self, edit: Edit, key: str) -> bool:
        for problem in self.texts:
            if re.search(rf"{re.escape(key)}: \[\]", problem.way_out):
                return True
            if AWAY.search(problem.way_out):
                return isinstance(edit.path[-1], str) or self._is_item(edit, problem)
        return False

    def _is_item(self, edit: Edit, problem: Problem) -> bool:
        """Whether an item of a list that goes is the one that the problem is about."""
        whole = f"{problem.where} {problem.what} {problem.way_out}"
        return f"[{edit.path[-1]}]" in problem.where or _stands_in(edit.old, whole)

    def _said(self, value: object) -> bool:
        return str(value) in self.way.asked or any(
            _stands_in(value, f"{p.where} {p.what} {p.way_out}") for p in self.texts
        )

    def _in_way(self, value: object) -> bool:
        return str(value) in self.way.asked or any(_stands_in(value, p.way_out) for p in self.texts)

    def _asked_by_key(self, key: str) -> bool:
        """Whether a way out leaves the value of this key open: `port: …`, `skip: "why …"`."""
        open_value = rf"(?<!\w){re.escape(key)}: ([\"'\[{{]?[^,;}}\]]*…|[\"\[{{]*why\b)"
        return bool(key) and any(re.search(open_value, p.way_out) for p in self.texts)


def _is_rewritten(edit: Edit) -> bool:
    """Whether it is the same text in another shape: quoted or bare, alone or as a list."""
    return edit.path[-1] == 0 or str(edit.new).lower() == str(edit.old).lower()


def _written(value: object) -> object:
    if isinstance(value, dict):
        return {k: _written(v) for k, v in value.items()}
    return None if value == NULL else value


def _stands_in(value: object, text: str) -> bool:
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return word in ("{}", "") or bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text))


def edits_of(old: object, new: object, path: tuple[str | int, ...] = ()) -> Iterator[Edit]:
    """What differs between two values, leaf by leaf; a mapping that goes goes as a whole."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        if not new and not before:
            yield from [Edit(path, old, "{}")] if old != new else []
        gone = {key: value for key, value in before.items() if key not in new}
        for key, value in new.items():
            was = next((k for k, v in gone.items() if key not in before and v == value), None)
            if was is None:
                yield from edits_of(before.get(key), value, (*path, key))
            else:
                del gone[was]
                yield Edit((*path, was), was, key, renamed=True)
        for key in gone:
            yield Edit((*path, key), before[key], None)
    elif isinstance(new, list):
        before_ = old if isinstance(old, list) else []
        if len(new) == len(before_):
            for i, (a, b) in enumerate(zip(before_, new, strict=True)):
                yield from edits_of(a, b, (*path, i))
            return
        for i, item in enumerate(before_):
            if item not in new:
                yield Edit((*path, i), item, None)
        for i, item in enumerate(new):
            if item not in before_:
                yield from edits_of(None, item, (*path, i))
    elif old != new:
        yield Edit(path, old, new)


__all__ = ["NULL", "Changes", "Lock", "WayOut", "problems"]
