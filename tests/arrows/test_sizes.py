"""A file has at most two screens, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCREENS = 330
"""Lines of two screens."""
REASONS = {
    "homelab/backup/checks.py": "one check after the other, on the same plan of backups",
    "homelab/backup/plan.py": "one job, from its service to its targets, in the order it is decided",
    "homelab/ops/project/stack.py": "one stack file, from its text to its plan and its problems",
    "homelab/cli/app.py": "one short function for each command, which calls another package",
    "homelab/config/base.py": "types that all packages share; each is a pattern with its message",
    "homelab/deploy/scripts.py": "one short function for each script, with the variables it needs",
    "homelab/nix/printer.py": "the kinds of a Nix value contain each other, so printing recurses",
    "homelab/nix/source.py": "the kinds of a Nix expression contain each other, so reading recurses",
    "homelab/ops/deploy/switch.py": "one switch, in the order of its phases",
    "homelab/ops/move/steps.py": "one move of a service, in the order of its steps",
    "homelab/proxy/nginx.py": "one configuration of Nginx, from the whole down to a location",
    "homelab/services/plan.py": "one service, from its config and entry to its plan",
    "homelab/services/static.py": "one site: its server, its build and what starts the build",
    "lab/deployment.py": "one deployment as the engine runs it, with its state in one class",
}
"""Longer files, and why they stay in one piece."""


def sizes() -> dict[str, int]:
    found = {}
    for folder in ("homelab", "components", "lab"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found[path.relative_to(ROOT).as_posix()] = text.count("\n")
    return found


def test_a_file_has_two_screens_or_a_reason() -> None:
    long = {path: lines for path, lines in sizes().items() if lines > SCREENS}
    assert {p: n for p, n in long.items() if p not in REASONS} == {}, "split these by noun"


@pytest.mark.parametrize("path", REASONS)
def test_a_file_with_a_reason_is_long(path: str) -> None:
    assert sizes().get(path, 0) > SCREENS, "it needs no reason any more"
