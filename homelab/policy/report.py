"""What the security baseline says about each host, and its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.config.policy import Disable
from homelab.openings.model import matches
from homelab.plan import Plan
from homelab.policy.baseline import BASELINE
from homelab.policy.facts import from_text
from homelab.policy.model import Facts, HostScore, Rule, UnknownError, Verdict
from homelab.policy.rules import path
from homelab.problems import Problem
from homelab.system.model import RUNNING

SECURITY_BASELINE = file_check(
    "security-baseline",
    "error",
    "A module may weaken a host in a way that only the merged options show.",
)


def scores_of(plan: Plan, sources: Mapping[str, str | bytes], today: str) -> tuple[HostScore, ...]:
    """The baseline on every running NixOS host, as far as the text shows it; the lowest first."""
    found = [
        judged(from_text(plan, host, sources), today)
        for host in plan.hosts.values()
        if host.is_nixos and host.config.state in RUNNING
    ]
    return tuple(sorted(found, key=lambda s: (s.percent, s.host)))


def judged(facts: Facts, today: str) -> HostScore:
    """All rules that apply to one host."""
    verdicts = (_verdict(facts, rule, today) for rule in BASELINE if rule.applies(facts.host))
    return HostScore(facts.host.name, tuple(verdicts))


def baseline_problems(facts: Facts, today: str) -> Iterator[tuple[Rule, Problem]]:
    """The required rules that one host breaks, each with its problem: a warning in tinker mode."""
    tinker = facts.plan.stack.policy.tinker
    relaxed = tinker is not None and facts.host.name in tinker.hosts
    for verdict in judged(facts, today).verdicts:
        if verdict.state == "broken" and verdict.rule.required:
            yield (
                verdict.rule,
                Problem(
                    facts.host.source,
                    f"{verdict.rule.id}: {verdict.what} (expected: {verdict.rule.title})",
                    verdict.rule.way_out,
                    check=SECURITY_BASELINE,
                    severity="warning" if relaxed else "error",
                ),
            )


def _verdict(facts: Facts, rule: Rule, today: str) -> Verdict:
    try:
        what = rule.look(facts)
    except UnknownError:
        return Verdict(rule, "unknown")
    if not _is_settled(facts, rule, what):
        return Verdict(rule, "unknown")
    if not what:
        return Verdict(rule, "holds")
    exception = accepted(facts.plan, rule.id, facts.host.name, today)
    if exception is not None:
        return Verdict(rule, "accepted", what, f"{exception.reason} (until {exception.until})")
    return Verdict(rule, "broken", what)


def _is_settled(facts: Facts, rule: Rule, what: str) -> bool:
    """Whether the text decides a rule. What a module sets breaks it, whatever others set."""
    options = [path(option) for option in rule.options]
    if what and any(True for option in options for _ in facts.each(option)):
        return not any(matches(option, at) for option in options for at in facts.unsure)
    return all(map(facts.settles, options))


def accepted(plan: Plan, id_: str, host: str, today: str) -> Disable | None:
    """The exception that covers a rule on a host today."""
    return next(
        (
            d
            for d in plan.stack.policy.disable
            if d.id == id_ and d.until >= today and (not d.hosts or host in d.hosts)
        ),
        None,
    )
