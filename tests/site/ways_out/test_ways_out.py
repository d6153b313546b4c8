"""Following the way out of a message fixes the problem and causes no new one.

Each package has a table beside this file. Each edit in a table must be asked for by the message. If
the message does not ask for the right edit, the message must change.
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


LONG = pytest.mark.long
ALL = [way for table in TABLES for way in ways(table)]


BASELINE = WayOut("", {}, {}).before()
"""Warnings of the smallest homelab."""


def checks_by_package() -> Mapping[str, list[str]]:
    """Ids of the checks of each package."""
    out: dict[str, list[str]] = {}
    for check in all_checks():
        out.setdefault(check.rule.__module__.split(".")[1], []).append(check.id)
    return out


def test_the_stack_under_the_tables_has_no_error() -> None:
    assert not [p for p in BASELINE if p.severity == "error"], _lines(BASELINE)


FIRST = {way.check or way.kind: way for way in reversed(ALL)}
"""A row of each check and of each kind of wrong shape: those of `make test`. All rows are in
`make test-lab`."""


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(w, id=w.name, marks=() if w is FIRST[w.check or w.kind] else (LONG,))
        for w in ALL
    ],
)
def test_following_the_way_out_fixes_the_problem(way: WayOut) -> None:
    before = way.before()
    problem = way.chosen(before)
    assert problem.way_out, f"no way out: {problem}"
    errors = {p.check for p in before if p.severity == "error"}
    assert errors <= {way.check, *way.beside}, _lines(before)

    followed = [problem, *(p for p in before if p.check in way.beside and p is not problem)]
    unasked = list(way.unasked(followed))
    assert not unasked, "\n".join([*unasked, "of", *map(str, followed)])

    after = way.after()
    assert [p for p in after if p.severity == "error"] == [], _lines(after)
    assert not _same(problem, after), _lines(after)
    new = {p.check for p in after} - {p.check for p in (*before, *BASELINE)}
    assert new == set(way.warns), _lines(after)


def _same(problem: Problem, found: list[Problem]) -> list[Problem]:
    return [
        p
        for p in found
        if (p.check, p.where, p.what) == (problem.check, problem.where, problem.what)
    ]


def _lines(found: list[Problem]) -> str:
    return "\n".join(map(str, found))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_check_of_a_package_is_in_its_table_or_in_elsewhere(package: str) -> None:
    tried = {way.check for way in ways(package)}
    assert set(checks_by_package().get(package, ())) - ELSEWHERE.keys() == tried & set(
        checks_by_package().get(package, ())
    )


def test_a_check_in_elsewhere_is_in_no_table_and_has_a_reason() -> None:
    assert ELSEWHERE.keys() <= {rule.id for rule in every_rule()}
    assert not ELSEWHERE.keys() & {way.check for way in ALL}
    assert all(len(reason.split()) > 4 for reason in ELSEWHERE.values())


def test_every_kind_of_wrong_shape_is_in_the_table() -> None:
    """The kinds of pydantic's errors are those for which the loader has a message."""
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
"""Kinds for which the loader builds a message from the value or its model."""


def test_every_file_check_is_in_a_table_or_in_elsewhere() -> None:
    tried = {way.check for way in ALL} | {way.check for _, way in TABLE}
    assert {rule.id for rule in file_checks()} == (tried | ELSEWHERE.keys()) & {
        r.id for r in file_checks()
    }


COMPLETE = (
    *("backup", "certificates", "cloudflare", "dashboard", "deploy", "hardening", "identity"),
    *("monitoring", "network", "openings"),
)
"""Packages of which every message, not only every check, has a row."""
IMPOSSIBLE = {
    "its systemd unit is unknown": "each kind of service has a unit; it guards the catalog's",
}
"""A message of these packages that no stack can cause, with the reason."""


@pytest.mark.long
def test_every_message_of_these_packages_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: set[tuple[str, int]] = set()
    original = Problem.__init__

    def record(self: Problem, *args: object, **more: object) -> None:
        caller = sys._getframe(1)
        reported.add((caller.f_code.co_filename, caller.f_lineno))
        original(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Problem, "__init__", record)
    for way in ALL:
        way.before()
    missing = []
    for file in (
        f for package in COMPLETE for f in (build.ROOT / "homelab" / package).glob("*checks.py")
    ):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                source = ast.get_source_segment(text, node) or ""
                if not any((str(file), line) in reported for line in lines) and not any(
                    part in source for part in IMPOSSIBLE
                ):
                    missing.append(f"{file.name}:{node.lineno}")
    assert missing == []
