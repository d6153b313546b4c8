"""Who reaches what is found by name and address; the answer is that of looking at each grant."""

from __future__ import annotations

import random
from typing import Any

import pytest

from homelab.tailnet import evaluate
from homelab.tailnet.evaluate import Grants

HOSTS = {"pi": "100.64.0.2", "nas": "100.64.0.3", "door": "192.168.1.2", "six": "fd7a::3"}
TAGS = {"tag:appliance": ("pi",), "tag:workhorse": ("nas", "six"), "tag:none": ()}
GROUPS = {"group:owners": ["sam@example.org"], "group:family": ["kim@example.org"]}
PEOPLE = ("sam@example.org", "kim@example.org", "lee@example.org")
ENDS = (
    *("*", "autogroup:member", "autogroup:tagged", "autogroup:internet", "autogroup:danger-all"),
    *("ipset:printers", "100.64.0.0/10", "192.168.1.0/24", "192.168.1.2", "100.64.0.3/32"),
    *("0.0.0.0/0", "fd7a:0::3", "fd7a::/16", "203.0.113.9", "stranger", "tag:unknown"),
    *(*HOSTS, *HOSTS.values(), *TAGS, *GROUPS, *PEOPLE),
)
PORTS = ("*", "tcp:22", "udp:53", "tcp:8000-8100", "443")


def some(chance: random.Random) -> dict[str, Any]:
    """A policy of a few grants, narrow and wide."""
    pick = [*ENDS]
    return {
        "hosts": HOSTS,
        "groups": GROUPS,
        "grants": [
            {
                "src": chance.sample(pick, chance.randint(0, 3)),
                "dst": chance.sample(pick, chance.randint(0, 3)),
                "ip": chance.sample(PORTS, chance.randint(1, 2)),
            }
            for _ in range(8)
        ],
    }


def counts_as(who: str) -> frozenset[str]:
    """Everything that somebody counts as, read anew."""
    if "@" in who:
        groups = {g for g, members in GROUPS.items() if who in members}
        return frozenset({who, *groups, "autogroup:member"})
    if who.startswith("group:"):
        # Whoever is in a group is a member of the tailnet.
        return frozenset({who, "autogroup:member"})
    if who.startswith("tag:"):
        return frozenset({who, "autogroup:tagged"})
    tags = {t for t, hosts in TAGS.items() if who in hosts}
    return frozenset({who, HOSTS.get(who, who), *tags, *(["autogroup:tagged"] if tags else [])})


def one_by_one(document: Any, src: str, dst: str, port: int, *, perhaps: bool) -> tuple[int, ...]:
    """The same question, put to each grant."""
    known = frozenset(HOSTS.values())

    def matches(who: str, patterns: list[str]) -> bool:
        mine = counts_as(who)
        sure = evaluate._matches(document, mine, patterns)
        return sure or (perhaps and evaluate._may_match(document, known, mine, patterns))

    return tuple(
        i
        for i, grant in enumerate(document["grants"])
        if matches(src, grant["src"])
        and matches(dst, grant["dst"])
        and any(evaluate._covers(ip, port, "tcp") for ip in grant["ip"])
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_pair_gets_the_answer_of_each_grant_on_its_own(seed: int) -> None:
    document = some(random.Random(seed))
    grants = Grants(document, TAGS)
    granted = 0
    for src in ENDS:
        for dst in ENDS:
            for perhaps in (False, True):
                expected = one_by_one(document, src, dst, 22, perhaps=perhaps)
                assert grants.granting(src, dst, 22, perhaps=perhaps) == expected, (src, dst)
                assert grants.reaches(src, dst, 22, perhaps=perhaps) is bool(expected), (src, dst)
                granted += bool(expected)
    assert granted
