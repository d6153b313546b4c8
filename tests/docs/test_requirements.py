"""The table of requirements is complete, and ids stand nowhere else."""

from __future__ import annotations

import re

from homelab.checks import all_checks, every_rule
from tests.docs import write
from tests.docs.requirements_page import TITLES, marked, requirements

ID = re.compile(r"\bS[0-4]-[0-9]{2}\b")
MARKER = re.compile(r"requirement\([^)]*\)")
PLACES = ("homelab", "components", "lab", "tests", "docs", "examples", ".ci")
KINDS = {".md", ".nix", ".py", ".sh", ".toml", ".yaml"}


def test_every_id_in_a_marker_is_in_the_table() -> None:
    unknown = {(m.file, m.test, i) for m in marked() for i in m.ids if i not in requirements()}
    assert not unknown


def test_every_check_of_a_plan_keeps_a_requirement() -> None:
    named = {c for row in requirements().values() for c in row.checks}
    assert {c.id for c in all_checks()} <= named
    assert named <= {rule.id for rule in every_rule()}


def test_ids_stand_in_markers_and_in_the_table_alone() -> None:
    allowed = {TITLES, write.PLACE / "requirements.md"}
    files = [p for p in write.ROOT.iterdir() if p.is_file()]
    files += [p for place in PLACES for p in (write.ROOT / place).rglob("*")]
    found = {
        p.relative_to(write.ROOT).as_posix(): ids
        for p in files
        if p.suffix in KINDS and p not in allowed and p.is_file()
        if (ids := ID.findall(MARKER.sub("", p.read_text(encoding="utf-8"))))
    }
    assert not found
