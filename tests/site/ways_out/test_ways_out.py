"""Whoever does what a message says, and nothing else, has a stack without that problem, or new ones.

Each room has its table beside this file. A reader's edits are held to the message's own words, so
where the words do not lead out, the message is what has to change.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from homelab.checks import PACKAGES, all_checks, every_rule, file_checks
from homelab.config.load import _SHAPES
from homelab.config.stack import StackConfig
from homelab.problems import Problem
from tests import build
from tests.site.ways_out.elsewhere import ELSEWHERE
from tests.site.ways_out.model import WayOut
from tests.site.ways_out.test_two_stacks import TABLE

TABLES = (*PACKAGES, "outside", "site")
"""Modules beside this one, each with `WAYS`: one for each package with checks, `site` for shapes,
and `outside` for the checks of files and of stacks beside each other."""


def ways(table: str) -> tuple[WayOut, ...]:
    found: tuple[WayOut, ...] = importlib.import_module(f"tests.site.ways_out.{table}").WAYS
    return found


ALL = [way for table in TABLES for way in ways(table)]


QUIET = WayOut("", {}, {}).before()
"""Warnings of the stack that is broken."""


def rooms() -> Mapping[str, list[str]]:
    """Ids of the checks of each room."""
    out: dict[str, list[str]] = {}
    for check in all_checks():
        out.setdefault(check.rule.__module__.split(".")[1], []).append(check.id)
    return out


def test_the_stack_that_is_broken_has_no_error_of_its_own() -> None:
    assert not [p for p in QUIET if p.severity == "error"], _lines(QUIET)


@pytest.mark.parametrize("way", ALL, ids=[way.name for way in ALL])
def test_who_does_what_the_message_says_is_out(way: WayOut) -> None:
    before = way.before()
    problem = way.chosen(before)
    assert problem.way_out, f"no way out: {problem}"
    errors = {p.check for p in before if p.severity == "error"}
    assert errors <= {way.check, *way.beside}, _lines(before)

    followed = [problem, *(p for p in before if p.check in way.beside and p is not problem)]
    unsaid = list(way.unsaid(followed))
    assert not unsaid, "\n".join([*unsaid, "of", *map(str, followed)])

    after = way.after()
    assert [p for p in after if p.severity == "error"] == [], _lines(after)
    assert not _same(problem, after), _lines(after)
    new = {p.check for p in after} - {p.check for p in (*before, *QUIET)}
    assert new == set(way.warns), _lines(after)


def _same(problem: Problem, found: list[Problem]) -> list[Problem]:
    return [
        p
        for p in found
        if (p.check, p.where, p.what) == (problem.check, problem.where, problem.what)
    ]


def _lines(found: list[Problem]) -> str:
    return "\n".join(map(str, found))


@pytest.mark.parametrize("room", PACKAGES)
def test_each_check_of_a_room_is_in_its_table_or_has_its_way_out_elsewhere(room: str) -> None:
    tried = {way.check for way in ways(room)}
    assert set(rooms().get(room, ())) - ELSEWHERE.keys() == tried & set(rooms().get(room, ()))


def test_what_has_its_way_out_elsewhere_is_in_no_table_and_says_why() -> None:
    assert ELSEWHERE.keys() <= {rule.id for rule in every_rule()}
    assert not ELSEWHERE.keys() & {way.check for way in ALL}
    assert all(len(reason.split()) > 4 for reason in ELSEWHERE.values())


def test_each_kind_of_wrong_shape_is_in_the_table_under_its_own_name() -> None:
    """Which of pydantic's errors there are follows from the words that the loader has for them."""
    tried = {way.kind for way in ways("site")}
    assert tried == {*_SHAPES, *KINDS}
    for way in ways("site"):
        with pytest.raises(ValidationError) as refused:
            StackConfig.model_validate(way.config())
        assert {error["type"] for error in refused.value.errors()} == {way.kind}


KINDS = (
    *("dict_type", "extra_forbidden", "greater_than_equal", "less_than_equal", "literal_error"),
    *("missing", "model_type", "string_pattern_mismatch", "too_short", "value_error"),
)
"""Kinds that the loader tells of by the value or its model, beside those it has fixed words for."""


def test_each_rule_of_files_and_of_the_clock_is_tried_or_has_its_way_out_elsewhere() -> None:
    tried = {way.check for way in ALL} | {way.check for _, way in TABLE}
    assert {rule.id for rule in file_checks()} == (tried | ELSEWHERE.keys()) & {
        r.id for r in file_checks()
    }


MET = (
    *("backup", "certificates", "cloudflare", "dashboard", "deploy", "hardening", "identity"),
    *("monitoring", "network", "openings"),
)
"""Packages each of whose messages is met by an entry, not each check alone."""
UNMET = {
    "nothing says which systemd unit": "each kind of service has a unit; it guards the catalog's",
}
"""What one of theirs says that no stack brings about, and why it stands."""


def test_each_message_of_these_rooms_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    met: set[tuple[str, int]] = set()
    made = Problem.__init__

    def note(self: Problem, *args: object, **more: object) -> None:
        caller = sys._getframe(1)
        met.add((caller.f_code.co_filename, caller.f_lineno))
        made(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Problem, "__init__", note)
    for way in ALL:
        way.before()
    missing = []
    for file in (f for room in MET for f in (build.ROOT / "homelab" / room).glob("*checks.py")):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                said = ast.get_source_segment(text, node) or ""
                if not any((str(file), line) in met for line in lines) and not any(
                    words in said for words in UNMET
                ):
                    missing.append(f"{file.name}:{node.lineno}")
    assert missing == []
