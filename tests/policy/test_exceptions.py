"""Exceptions from rules have a reason and a last day, and stay visible."""

from __future__ import annotations

import pytest

from homelab.policy.exceptions import TEXT_READERS, disableable, excepted
from homelab.policy.report import scores_of
from homelab.problems import Problem
from tests import build
from tests.site.ways_out.policy import disable

TODAY = "2026-01-01"
SPARE: dict[str, object] = {"flakes": {"spare": {"url": "github:example/spare"}}}


def _found(id_: str, problems: list[Problem], today: str = TODAY, **stated: object) -> list[str]:
    plan = build.plan({**SPARE, **disable(id=id_, **stated)})
    return [p.check for p in excepted(plan, problems, today)]


UNUSED = Problem("flakes.spare", "nothing uses it", "", "flake-unused", "warning")
OPENING = Problem("hosts.nas", "it opens a port", "", "forbidden-patterns")


@pytest.mark.requirement("S4-23")
def test_an_exception_covers_its_problem_and_is_listed_itself() -> None:
    assert _found("flake-unused", [UNUSED, OPENING]) == ["forbidden-patterns", "policy-exception"]


def test_an_exception_lasts_to_the_end_of_its_last_day() -> None:
    assert _found("flake-unused", [UNUSED], "2026-12-31") == ["policy-exception"]
    assert _found("flake-unused", [UNUSED], "2027-01-01") == ["flake-unused", "policy-ended"]


def test_an_exception_for_some_hosts_covers_only_those() -> None:
    assert _found("forbidden-patterns", [OPENING], hosts=["nas"]) == ["policy-exception"]
    assert "forbidden-patterns" in _found("forbidden-patterns", [OPENING], hosts=["pi"])


def test_an_exception_that_covers_nothing_is_a_warning() -> None:
    assert _found("flake-unused", []) == ["policy-unused"]


def test_no_exception_covers_an_error_of_what_cannot_work() -> None:
    from homelab.checks import every_rule

    errors = {rule.id for rule in every_rule() if rule.severity == "error"}
    assert errors & disableable() == TEXT_READERS


@pytest.mark.requirement("S4-23")
def test_an_accepted_rule_of_the_baseline_stays_in_the_report_and_does_not_count_as_held() -> None:
    without = build.plan()
    plan = build.plan(disable(hosts=["nas"]))
    scores = {s.host: s for s in scores_of(plan, build.sources(plan), TODAY)}
    before = {s.host: s for s in scores_of(without, build.sources(without), TODAY)}
    states = {host: {v.rule.id: v for v in s.verdicts} for host, s in scores.items()}
    assert states["nas"]["SEC-SSH-005"].state == "accepted"
    assert states["nas"]["SEC-SSH-005"].reason == "the agent has many keys (until 2026-12-31)"
    assert states["pi"]["SEC-SSH-005"].state == "broken"
    assert scores["nas"].percent == before["nas"].percent


def test_an_exception_without_a_reason_is_refused() -> None:
    from homelab.problems import InvalidStackError

    with pytest.raises(InvalidStackError, match="not a reason"):
        build.plan(disable(reason=""))
    with pytest.raises(InvalidStackError, match="calendar"):
        build.plan(disable(until="2026-02-30"))
