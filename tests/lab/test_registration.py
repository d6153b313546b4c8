"""Property paths of `ignore_changes` and `replace_on_changes`."""

from __future__ import annotations

import pytest

from homelab.lab.codec import EngineValues, Secret
from homelab.lab.registration import at_path, keep_old, read_path

OLD: EngineValues = {"a": 1, "list": [1, 2], "map": {"x": {"y": "old"}, "z": "old"}}
NEW: EngineValues = {"a": 2, "list": [3, 4], "map": {"x": {"y": "new"}, "z": "new"}, "more": 1}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["b.c"][*]', ("a", "b.c", "*")),
        ("*", ("*",)),
    ],
)
def test_a_path_is_read_as_pulumi_writes_it(text: str, path: tuple[str | int, ...]) -> None:
    assert read_path(text) == path


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("a", {"a": 1}),
        ("more", {"more": None}),
        ("list[1]", {"list": [3, 2]}),
        ("list[*]", {"list": [1, 2]}),
        ("map.x.y", {"map": {"x": {"y": "old"}, "z": "new"}}),
        ("map.*", {"map": {"x": {"y": "old"}, "z": "old"}}),
        ("*", {**OLD, "more": None}),
        ("not.there", {}),
    ],
)
def test_an_ignored_path_keeps_its_old_value(path: str, changed: EngineValues) -> None:
    expected = {key: value for key, value in {**NEW, **changed}.items() if value is not None}
    assert keep_old(OLD, NEW, [path]) == expected


def test_a_secret_on_the_path_stays_secret() -> None:
    new: EngineValues = {"map": Secret({"x": "new", "z": "new"})}
    assert keep_old({"map": {"x": "old"}}, new, ["map.x"]) == {
        "map": Secret({"x": "old", "z": "new"})
    }


def test_a_wildcard_stands_for_everything_below() -> None:
    assert at_path(OLD, read_path("list[*]")) == [1, 2]
    assert at_path(OLD, read_path("map.x.y")) == "old"
    assert at_path(OLD, read_path("map.q")) != at_path(OLD, read_path("map.z"))
