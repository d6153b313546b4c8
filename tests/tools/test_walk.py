"""A walk over cases hides none that fails."""

from __future__ import annotations

import inspect

import pytest

from tests.tools.walk import walk


def test_every_case_that_fails_is_named_and_none_after_it_is_left_out() -> None:
    """Also in each combination."""
    seen = []

    @walk("one", (1, 2, 3))
    @walk("two", ("a", "b"))
    def judged(one: int, two: str) -> None:
        seen.append((one, two))
        assert (one, two) not in ((1, "b"), (3, "a"))

    with pytest.raises(ExceptionGroup) as found:
        judged()
    assert seen == [(n, t) for n in (1, 2, 3) for t in ("a", "b")]
    notes = [
        [*inner.__notes__, *case.__notes__]
        for case in found.value.exceptions
        if isinstance(case, ExceptionGroup)
        for inner in case.exceptions
    ]
    assert notes == [["two: b", "one: 1"], ["two: a", "one: 3"]]


def test_a_walk_keeps_fixtures_and_skips_only_if_every_case_does() -> None:
    """A case that is skipped hides no other."""

    def judged(one: int, tmp_path: str) -> None:
        if one > 1:
            pytest.skip("not here")
        assert tmp_path

    made = walk("one", (1, 2))(judged)
    assert [*inspect.signature(made).parameters] == ["tmp_path"]
    made(tmp_path="x")
    with pytest.raises(pytest.skip.Exception):
        walk("one", (2, 3))(judged)(tmp_path="x")
    with pytest.raises(ExceptionGroup):
        made(tmp_path="")
