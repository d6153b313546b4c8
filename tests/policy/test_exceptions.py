"""Exceptions from rules have a reason and a last day, and stay visible."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from homelab.config.policy import Tinker
from homelab.policy.exceptions import (
    BASELINE_IDS,
    OURS,
    TEXT_READERS,
    disableable,
    excepted,
)
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


def test_a_check_that_warns_and_can_be_an_error_says_why_it_has_no_exception() -> None:
    from homelab.policy.checks import policy_known

    (problem,) = policy_known(build.plan(disable(id="backup-same-disk")))
    assert problem.what.startswith("backup-same-disk can be an error")
    assert "also where it warns" in problem.what
    (problem,) = policy_known(build.plan(disable(id="tinker-expired")))
    assert "about exceptions or tinker mode" in problem.what


def test_the_guide_names_the_checks_that_an_exception_may_name() -> None:
    guide = (Path(__file__).parents[2] / "docs/guide/policy.md").read_text(encoding="utf-8")
    listed = guide.partition("may be wrong about it:")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", listed)) == TEXT_READERS
    # Those that the reference marks, and nothing else.
    reference = (Path(__file__).parents[2] / "docs/reference/checks.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"^\| `([a-z0-9-]+)` \(warning\)", reference, re.MULTILINE))
    assert marked - OURS == disableable() - TEXT_READERS - BASELINE_IDS


def test_the_guide_shows_tinker_mode_as_it_is_written() -> None:
    guide = (Path(__file__).parents[2] / "docs/guide/policy.md").read_text(encoding="utf-8")
    section = guide.partition("## Tinker mode")[2].partition("\n## ")[0]
    example = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    tinker = Tinker.model_validate(example["homelab:policy"]["tinker"])
    assert example["homelab:policy"]["tinker"].keys() == Tinker.model_fields.keys()
    assert f"$ date +%F\n{tinker.enabled_at}\n" in section


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
