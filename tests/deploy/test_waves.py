"""Whom the others need meanwhile goes last, alone, and says why."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S0-66", "S4-34")


def waves(*changes: Changes) -> list[tuple[tuple[str, ...], str]]:
    return [(w.hosts, w.why) for w in build.plan(household(*changes)).waves]


def test_the_way_in_goes_last_and_alone() -> None:
    hosts, why = waves()[-1]
    assert hosts == ("pi",)
    assert why == "it carries DNS, the reverse proxy"


def test_a_cache_goes_after_those_who_fetch_from_it_and_before_the_way_in() -> None:
    cache: Changes = {"services": {"atticd": {"host": "aurora"}}}
    assert waves(cache)[-2:] == [
        (("aurora",), "it carries the cache"),
        (("pi",), "it carries DNS, the reverse proxy"),
    ]


def test_a_canary_goes_first_and_what_the_stack_calls_last_is_last() -> None:
    order: Changes = {"deploy": {"canary": "aurora", "last": ["pi"]}}
    assert waves(order)[0] == (("aurora",), "the canary")
    assert waves(order)[-1][0] == ("pi",)
