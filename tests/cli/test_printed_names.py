"""What a command prints names one thing by one name, and the guide shows what it prints."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from homelab.cli.app import app
from tests.build import ROOT, SHIPPED


def _printed(*words: str) -> str:
    return CliRunner().invoke(app, [*words, "-C", str(SHIPPED), "-s", "home"]).stdout


def test_the_scores_of_two_commands_have_two_names() -> None:
    baseline, sandboxes = _printed("check", "--security"), _printed("security")
    assert "baseline score" in baseline
    assert "sandbox score" in sandboxes
    for said in (baseline, sandboxes):
        assert not re.search(r"(?<!baseline )(?<!sandbox )\bscore\b", said)


def test_the_guide_shows_the_plan_of_a_move_as_it_is_printed() -> None:
    guide = (ROOT / "docs/guide/moving.md").read_text(encoding="utf-8")
    shown = guide.partition("--to workstation\n")[2].partition("Stop vaultwarden")[0]
    assert shown == _printed("move", "vaultwarden", "--to", "workstation", "--plan")
