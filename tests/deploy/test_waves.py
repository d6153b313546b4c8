"""Waves: hosts that others need switch last, one by one, with a reason."""

from __future__ import annotations

import pytest

from homelab.problems import HomelabError
from tests import build
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S0-66", "S4-34")


def waves(*changes: Changes) -> list[tuple[tuple[str, ...], str]]:
    return [(w.hosts, w.why) for w in build.plan(household(*changes)).waves]


def test_the_entry_host_switches_last_and_alone() -> None:
    hosts, why = waves()[-1]
    assert hosts == ("pi",)
    assert why == "it carries DNS, the reverse proxy"


def test_a_cache_switches_after_its_clients_and_before_the_entry_host() -> None:
    cache: Changes = {"services": {"atticd": {"host": "aurora"}}}
    assert waves(cache)[-2:] == [
        (("aurora",), "it carries the cache"),
        (("pi",), "it carries DNS, the reverse proxy"),
    ]


def test_the_canary_switches_once_also_if_the_deployer_needs_it() -> None:
    found = waves({"deploy": {"canary": "pi"}})
    assert found[0] == (("pi",), "the canary")
    switched = [name for names, _ in found for name in names]
    assert sorted(switched) == sorted(set(switched))


@pytest.mark.parametrize("order", [{"last": ["pi", "pi"]}, {"canary": "pi", "last": ["pi"]}])
def test_a_host_that_would_switch_twice_is_refused(order: Changes) -> None:
    with pytest.raises(HomelabError, match="name pi twice, and a host switches once"):
        waves({"deploy": order})


def test_a_canary_switches_first_and_the_stacks_last_hosts_last() -> None:
    order: Changes = {"deploy": {"canary": "aurora", "last": ["pi"]}}
    assert waves(order)[0] == (("aurora",), "the canary")
    assert waves(order)[-1][0] == ("pi",)
