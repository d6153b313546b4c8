"""The embedded engine takes the same steps as the recorded real engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from homelab.lab.state import Record

from .record import RECORDINGS, record, versions
from .replay import Replay
from .sequences import SEQUENCES

PULUMI = shutil.which("pulumi")
SINCE = {"left_behind": (3, 260)}
"""First engine that takes the recorded steps. Before 3.260 the engine updated a resource whose
`deleted_with` target was replaced, or left it alone; since then it replaces it as well
(https://github.com/pulumi/pulumi/pull/23818). The lab does what the newer one does."""


FURTHER = {
    *("aliases_of_failures", "failed_after_delete", "failed_delete", "failed_replace"),
    *("failure_above_component", "failure_deletes_nothing", "left_behind", "program_error"),
    *("remove_with_dependents", "rename", "tree", "triggers"),
}
"""Sequences whose steps others have too, one by one: they run in `make test-lab`."""
EACH = [pytest.param(n, marks=pytest.mark.long) if n in FURTHER else n for n in SEQUENCES]


def load(name: str) -> dict[str, Any]:
    recording: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return recording


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_recording_is_of_the_sequence(name: str) -> None:
    """An edited sequence must be recorded again."""
    told = [{key: run[key] for key in run.keys() & ours} for run, ours in pairs(name)]
    assert told == json.loads(json.dumps(SEQUENCES[name]))


def pairs(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return list(zip(load(name)["runs"], SEQUENCES[name], strict=True))


@dataclass
class Ran:
    """A run of the embedded engine: what it told, the state before it, and what it deleted."""

    told: dict[str, Any]
    before: dict[str, Record]
    deleted: list[str]


@cache
def replayed(name: str) -> list[Ran]:
    """The runs of a sequence, which two tests look at."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        replay = Replay(Path(place))
        for recorded in load(name)["runs"]:
            before = {record.urn: record for record in replay.records()}
            told = replay.run(recorded)
            found.append(Ran(told, before, [*replay.deleted]))
    return found


@pytest.mark.parametrize("name", EACH)
def test_the_same_steps_as_the_real_engine(name: str) -> None:
    for number, (recorded, ran) in enumerate(zip(load(name)["runs"], replayed(name), strict=True)):
        for key in ("preview", "done", "outputs", "state"):
            if key in recorded:
                assert without_words(ran.told[key]) == recorded[key], f"run {number}: {key}"


@pytest.mark.parametrize("name", EACH)
def test_dependents_are_deleted_first(name: str) -> None:
    """Recordings have no order between resources, so this is tested here."""
    for ran in replayed(name):
        for at, urn in enumerate(ran.deleted):
            record = ran.before[urn]
            earlier = {record.parent, record.provider_urn, *record.dependencies}
            assert not earlier.intersection(ran.deleted[:at])


def without_words(told: Any) -> Any:
    """The steps without the error texts, which a recording does not keep."""
    if isinstance(told, dict):
        return {key: value for key, value in told.items() if key != "errors"}
    return told


@pytest.mark.skipif(
    PULUMI is None or not os.environ.get("HOMELAB_RECORD"),
    reason="needs pulumi on PATH, and HOMELAB_RECORD=1 to spend minutes on it",
)
@pytest.mark.parametrize("name", SEQUENCES)
def test_the_real_engine_still_does_the_same(name: str) -> None:
    assert PULUMI is not None
    engine = versions(PULUMI)["engine"]
    # An engine that was built without a version says none.
    if tuple(map(int, re.findall(r"\d+", engine)[:2])) < SINCE.get(name, ()):
        pytest.skip(f"engine {engine or 'of an unknown version'} is older than this behaviour")
    assert record(name, PULUMI)["runs"] == load(name)["runs"]
