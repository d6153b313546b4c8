"""The place of a generated line decides it: without the place, the line is another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.evaluation.origin import Origin, Origins
from homelab.ops.project.differences import with_values
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError
from tests.docs.pictures import stacks

pytestmark = pytest.mark.requirement("S4-03", "S4-04")


def _lines(stack: Stack) -> Iterator[tuple[tuple[str, str], str, Origin]]:
    """Every line with a service or dataset as its place: the entry, the host and the lines."""
    for host, release in stack.releases.items():
        files = dict(release.files)
        origins = Origins(stack.plan, stack.plan.hosts[host], files)
        for file in files:
            for found in origins.of_lines(file):
                section, *rest = found.place.where.split(".") if found.place else [""]
                if section in ("services", "datasets") and rest and found.first:
                    yield (section, rest[0]), host, found


QUICK = ("lan",)
STACKS = [
    pytest.param(top, name, id=name, marks=() if name in QUICK else pytest.mark.long)
    for top, name in stacks()
]


@pytest.mark.parametrize(("top", "name"), STACKS)
def test_a_line_goes_with_the_entry_that_it_is_said_to_come_from(top: Path, name: str) -> None:
    with rehearsed():
        stack = open_stack(top, name)
        values = read_stack_document(top, name).values
        by_entry: dict[tuple[str, str], list[tuple[str, Origin]]] = {}
        for entry, host, found in _lines(stack):
            by_entry.setdefault(entry, []).append((host, found))
        judged, wrong = 0, []
        for (section, key), rows in by_entry.items():
            stated = values.get(section)
            # An entry that only changes a service of another section, such as the portal, does not
            # place it.
            if not isinstance(stated, dict) or not _places(section, stated.get(key)):
                continue
            try:
                without = with_values(top, name, [f"{section}.{key}="])
            except HomelabError:
                continue  # something else needs it
            for host, found in rows:
                judged += 1
                if _remains(stack, without, host, found):
                    wrong.append((section, key, host, found.file, found.first))
    assert wrong == []
    assert judged


def _places(section: str, config: object) -> bool:
    return isinstance(config, dict) and (section == "datasets" or "host" in config)


def _remains(stack: Stack, without: Stack, host: str, found: Origin) -> bool:
    """Whether the lines are in the file as often as before."""
    before = str(dict(stack.releases[host].files)[found.file])
    release = without.releases.get(host)
    after = dict(release.files).get(found.file) if release else None
    lines = "\n".join(before.splitlines()[found.first - 1 : found.last])
    return after is not None and str(after).count(lines) >= before.count(lines)
