"""Print the security baseline: the score of each host, and the rules that do not hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab.policy.model import HostScore


def check_baseline(cwd: Path, stack: str | None, *, as_json: bool) -> int:
    """`homelab check --security`; the exit code. 1: a host breaks a required rule."""
    from homelab.ops.project.sources import read_sources
    from homelab.ops.project.stack import check_stack, find_stack, today
    from homelab.policy.report import scores_of

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    sources, _ = read_sources(cwd, plan)
    scores = scores_of(plan, sources, today())
    if as_json:
        print(json.dumps(as_data(scores), indent=2))
    else:
        print_scores(scores)
        if any(v.state == "unknown" for s in scores for v in s.verdicts):
            print("unknown: the text does not tell; homelab eval --security asks Nix")
    broken = (v for s in scores for v in s.verdicts if v.state == "broken")
    return 1 if any(v.rule.required for v in broken) else 0


def as_data(scores: Iterable[HostScore]) -> dict[str, dict[str, object]]:
    """The baseline of each host as plain data."""
    return {
        score.host: {
            "score": score.percent,
            "subjects": dict(score.by_subject),
            "rules": [
                {
                    "id": v.rule.id,
                    "state": v.state,
                    "required": v.rule.required,
                    "what": v.what,
                    "reason": v.reason,
                }
                for v in score.verdicts
            ],
        }
        for score in scores
    }


def print_scores(scores: Iterable[HostScore]) -> None:
    """Three tables: the hosts with their scores, those of each subject, and every rule that does
    not hold, once.
    """
    from rich.console import Console
    from rich.table import Table

    from homelab.policy.model import SUBJECTS

    found = tuple(scores)
    out = Console(width=None if sys.stdout.isatty() else 10_000)
    hosts = Table("host", "baseline score", "holds", "broken", "accepted", "unknown")
    for score in found:
        states = [v.state for v in score.verdicts]
        counts = (states.count(s) for s in ("holds", "broken", "accepted", "unknown"))
        hosts.add_row(score.host, str(score.percent), *map(str, counts))
    subjects = Table("host", *SUBJECTS.values())
    for score in found:
        subjects.add_row(score.host, *map(str, score.by_subject.values()))
    rows: dict[tuple[str, ...], list[str]] = {}
    for score in found:
        for v in score.verdicts:
            if v.state == "holds":
                continue
            kind = "required" if v.rule.required else "recommended"
            about = v.what or f"expected: {v.rule.title}"
            note = v.reason or v.rule.way_out
            rows.setdefault((v.rule.id, v.state, kind, about, note), []).append(score.host)
    rules = Table("rule", "state", "kind", "hosts", "what", "way out, or reason")
    for (id_, state, kind, about, note), names in sorted(rows.items()):
        rules.add_row(id_, state, kind, ", ".join(names), about, note)
    for table in (hosts, subjects, rules):
        if table.row_count:
            out.print(table)
