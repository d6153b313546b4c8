"""One row of the tables: a broken stack, the edit that its message asks for, and their tests."""

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
from homelab.policy.exceptions import excepted
from homelab.policy.tinker_checks import check_tinker
from homelab.problems import InvalidStackError, Problem
from homelab.proxy.checks import outlived
from homelab.secrets.ages import check_ages
from homelab.secrets.deployer import check_deployer
from homelab.system.pin_checks import check_pin_ages
from tests import build, stackdir

Changes = Mapping[str, object]
"""Merged over a stack; None takes a key away."""
TODAY = "2026-01-01"
ALERTS: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
"""Every row's homelab sends its alerts, so that a backup is no warning."""
NULL = "~"
"""In changes, this stands for a written null. None removes the key."""


@dataclass(frozen=True)
class WayOut:
    """One message, and the edit that a reader makes who follows it."""

    check: str
    """Id of the check; empty for a value of the wrong shape."""
    broken: Changes
    """Changes that cause the problem, merged over the smallest homelab."""
    applied: Changes
    """The edit that the message asks for, merged over `broken`."""
    where: str = ""
    """Start of the problem's place, if the check reports several."""
    says: str = ""
    """A part of the message, if the check has several."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Each value or name that the reader chooses, with the words of the way out that ask for it.
    Values that the message spells out need no entry.
    """
    beside: tuple[str, ...] = ()
    """Other expected errors. The edit follows their ways out too."""
    warns: tuple[str, ...] = ()
    """New warnings that the fixed stack is expected to have."""
    lock: Lock = field(default_factory=Lock)
    files: Mapping[str, str] = field(default_factory=dict)
    """Files beside the broken stack, by path."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The files that the reader edits, after the edit."""
    kind: str = ""
    """For a value of the wrong shape: pydantic's type of the error."""

    @property
    def name(self) -> str:
        """The name of the test case."""
        part = self.where or self.says or "all"
        return f"{self.check or self.kind}-{part}".replace(" ", "-")

    def before(self) -> list[Problem]:
        """The problems of the broken stack."""
        return problems(self.config(), self.lock, self.files)

    def after(self) -> list[Problem]:
        """The problems of the fixed stack."""
        return problems(self.config(applied=True), self.lock, {**self.files, **self.fixed})

    def config(self, *, applied: bool = False) -> dict[str, object]:
        """The stack config, as data."""
        silent = {} if self.check == "secret-age" else ALERTS
        changes = testing.merged(silent, stackdir.changed(self.broken))
        config = build.config(testing.merged(changes, self.applied) if applied else changes)
        return _written(stackdir.without_nulls(config))  # type: ignore[return-value]

    def chosen(self, found: list[Problem]) -> Problem:
        """The problem that this row is about."""
        mine = [
            p
            for p in found
            if p.check == self.check and p.where.startswith(self.where) and self.says in p.what
        ]
        shown = "\n".join(map(str, found))
        assert len(mine) == 1, f"{len(mine)} problems of {self.name}, of:\n{shown}"
        return mine[0]

    def unasked(self, texts: list[Problem]) -> Iterator[str]:
        """Edits that no message asks for."""
        yield from Reading(self, texts).unasked()


def problems(
    config: dict[str, object], lock: Lock, files: Mapping[str, str] | None = None
) -> list[Problem]:
    """All problems of a stack with these files beside it, instead of stand-ins."""
    try:
        site = load_stack_config(Document(config))  # type: ignore[arg-type]
    except InvalidStackError as error:
        return list(error.problems)
    plan = make_plan(site, lock)
    given = dict(files or {})
    # A module may be a directory. Then there is no file of its name.
    stand_ins = build.sources(plan).items()
    sources = {p: t for p, t in stand_ins if not any(g.startswith(f"{p}/") for g in given)} | given
    found = set(run_checks(plan))
    sound = not any(p.severity == "error" for p in found)
    found |= {*check_sources(plan, sources, sound=sound), *check_deployer(plan, sources)}
    found |= {*outlived(plan, TODAY), *ended(plan, TODAY), *root_ends(plan, sources, TODAY)}
    found |= {*check_pin_ages(plan, sources, TODAY)}
    found |= {*check_ages(plan, sources, TODAY), *check_tinker(plan, TODAY)}
    seen: dict[tuple[str, str], Problem] = {}
    for problem in sorted(found):
        seen.setdefault((problem.where, problem.what), problem)
    return excepted(plan, seen.values(), TODAY)


@dataclass(frozen=True)
class Edit:
    """One changed value of the stack config. None stands for a missing value."""

    path: tuple[str | int, ...]
    old: object
    new: object
    renamed: bool = False
    """The key is renamed to `new`, and its value is unchanged."""

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.old!r} -> {self.new!r}"


REMOVAL = re.compile(r"\b(leave|drop|remove|take|move \w+ into|keep (one|\w+ alone)|delete)\b")
"""Words that ask to remove something."""


@dataclass(frozen=True)
class Reading:
    """Compares the edit of a row with the text of the messages.

    Each key in the path of an edited value, and the value, must be in a message as a separate
    word, or the row must quote the words of the way out that ask for it (`asked`). Each edit must
    be in a way out itself: by the value, its key, the words that ask for it, or its removal.
    """

    way: WayOut
    texts: list[Problem]

    def unasked(self) -> Iterator[str]:
        ways = "\n".join(p.way_out for p in self.texts)
        for value, words in self.way.asked.items():
            if words not in ways or not re.search(r"[\s…<]", words):
                yield f"no way out asks for {value!r} by the words {words!r}"
        edits = list(edits_of(self.way.config(), self.way.config(applied=True)))
        for edit in edits:
            yield from self._unasked(edit)
        for path, text in self.way.fixed.items():
            old = self.way.files.get(path, "").splitlines()
            removed, added = set(old) - set(text.splitlines()), set(text.splitlines()) - set(old)
            if len(removed) > len(added) and not REMOVAL.search(ways):
                yield f"{path}: no way out asks to remove a line"
            for line in text.splitlines():
                if line not in old:
                    for word in re.findall(r"[A-Za-z_][\w./-]+", line):
                        if not self._in_message(word):
                            yield f"{path}: {word!r} of {line.strip()!r} is in no message"
        if not edits and not self.way.fixed:
            yield "nothing is edited"

    def _unasked(self, edit: Edit) -> Iterator[str]:
        ways = "\n".join(p.way_out for p in self.texts)
        keys = [k for k in edit.path if isinstance(k, str)]
        for key in keys:
            if not self._in_message(key):
                yield f"{edit}: the key {key!r} is in no message"
        if edit.new is None:
            named = keys[-1] if keys else ""
            if not self._is_removed(edit, named):
                yield f"{edit}: no way out asks to remove it"
            return
        if _is_rewritten(edit) and re.search(r"quotes?\b|\[a, b\]", ways):
            return
        if edit.renamed:
            parts = set(str(edit.new).split(".")) - set(str(edit.old).split("."))
            if not all(self._in_way_out(part) for part in parts):
                yield f"{edit}: no way out names it so"
        elif not self._in_message(edit.new) and not self._asked_by_key(keys[-1] if keys else ""):
            yield f"{edit}: the value is in no message"
        elif not any(self._in_way_out(word) for word in (edit.new, *keys)):
            yield f"{edit}: no way out mentions it"

    def _is_removed(self, edit: Edit, key: str) -> bool:
        for problem in self.texts:
            if re.search(rf"{re.escape(key)}: \[\]", problem.way_out):
                return True
            if REMOVAL.search(problem.way_out):
                return isinstance(edit.path[-1], str) or self._is_item(edit, problem)
        return False

    def _is_item(self, edit: Edit, problem: Problem) -> bool:
        """Whether a removed item of a list is the one that the problem is about."""
        whole = f"{problem.where} {problem.what} {problem.way_out}"
        return f"[{edit.path[-1]}]" in problem.where or _stands_in(edit.old, whole)

    def _in_message(self, value: object) -> bool:
        return str(value) in self.way.asked or any(
            _stands_in(value, f"{p.where} {p.what} {p.way_out}") for p in self.texts
        )

    def _in_way_out(self, value: object) -> bool:
        return str(value) in self.way.asked or any(_stands_in(value, p.way_out) for p in self.texts)

    def _asked_by_key(self, key: str) -> bool:
        """Whether a way out leaves this key's value to the reader: `port: …`, `skip: "why …"`."""
        open_value = rf"(?<!\w){re.escape(key)}: ([\"'\[{{]?[^,;}}\]]*…|[\"\[{{]*why\b)"
        return bool(key) and any(re.search(open_value, p.way_out) for p in self.texts)


def _is_rewritten(edit: Edit) -> bool:
    """Whether it is the same text in another form: quoted, or as a list."""
    return edit.path[-1] == 0 or str(edit.new).lower() == str(edit.old).lower()


def _written(value: object) -> object:
    if isinstance(value, dict):
        return {k: _written(v) for k, v in value.items()}
    return None if value == NULL else value


def _stands_in(value: object, text: str) -> bool:
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return word in ("{}", "") or bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text))


def edits_of(old: object, new: object, path: tuple[str | int, ...] = ()) -> Iterator[Edit]:
    """The differences between two values, leaf by leaf. A removed mapping is one edit."""
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
