"""A host's lock holds exactly what its flake names, and what that needs in turn."""

from __future__ import annotations

import json
from typing import Any

import pytest

from homelab.nix.flake import LockError, prune_lock
from tests import build

NODES: dict[str, Any] = {
    "a": {"inputs": {"b": "b", "nixpkgs": ["nixpkgs"]}, "locked": {"rev": "1"}},
    "b": {"locked": {"rev": "2"}},
    "circle": {"inputs": {"self": "circle"}},
    "nixpkgs": {"locked": {"rev": "3"}},
    "nixpkgs_2": {"locked": {"rev": "4"}},
    "unused": {"inputs": {"nixpkgs": "nixpkgs_2"}},
    "root": {
        "inputs": {
            "a": "a",
            "circle": "circle",
            "nixpkgs": "nixpkgs",
            "renamed": "nixpkgs_2",
            "unused": "unused",
        }
    },
}


def lock(**changes: Any) -> str:
    return json.dumps({"nodes": NODES, "root": "root", "version": 7, **changes})


def nodes(text: str) -> set[str]:
    return set(json.loads(text)["nodes"])


def test_what_is_named_stays_with_all_it_needs() -> None:
    pruned = prune_lock(lock(), ["a", "nixpkgs"])
    assert nodes(pruned) == {"root", "a", "b", "nixpkgs"}
    whole = json.loads(pruned)
    assert whole["nodes"]["root"] == {"inputs": {"a": "a", "nixpkgs": "nixpkgs"}}
    assert whole["nodes"]["a"] == NODES["a"], "a node is left as it was locked"
    assert whole["version"] == 7


def test_a_node_may_have_another_name_than_its_input() -> None:
    assert nodes(prune_lock(lock(), ["renamed"])) == {"root", "nixpkgs_2"}


def test_a_circle_ends() -> None:
    assert nodes(prune_lock(lock(), ["circle"])) == {"root", "circle"}


def test_the_order_of_names_makes_no_difference() -> None:
    assert prune_lock(lock(), ["a", "nixpkgs"]) == prune_lock(lock(), ["nixpkgs", "a"])


def test_pruning_twice_changes_nothing() -> None:
    once = prune_lock(lock(), ["a", "nixpkgs"])
    assert prune_lock(once, ["a", "nixpkgs"]) == once


def test_an_input_that_is_missing_is_named() -> None:
    with pytest.raises(LockError, match="the lock file has no input x, y") as error:
        prune_lock(lock(), ["x", "a", "y"])
    assert error.value.missing == ("x", "y")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"nodes": {}, "root": "root", "version": 7}', lock(root="r")],
)
def test_what_is_no_lock_is_refused(text: str) -> None:
    with pytest.raises(LockError, match=r"not a flake\.lock"):
        prune_lock(text, ["a"])


def test_a_lock_with_a_hole_is_refused() -> None:
    hole = {**NODES, "a": {"inputs": {"b": "nowhere"}}}
    with pytest.raises(LockError, match="does not contain"):
        prune_lock(lock(nodes=hole), ["a"])


def test_the_shipped_lock_serves_every_input_that_a_tree_may_name() -> None:
    text = (build.SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8")
    known = json.loads(text)["nodes"]["root"]["inputs"]
    for name in known:
        assert {"root", known[name]} <= nodes(prune_lock(text, [name]))
