"""Tests that evaluate need Nix and the path of a nixpkgs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.evaluation.nixpkgs import NIXPKGS

HERE = f"{Path(__file__).parent}/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that evaluate if Nix or nixpkgs is missing."""
    lacks = ""
    if not NIXPKGS:
        lacks = "HOMELAB_NIXPKGS names no nixpkgs"
    elif shutil.which("nix-instantiate") is None:
        lacks = "there is no nix-instantiate on PATH"
    for item in items if lacks else ():
        # The hook gets the items of every directory. A text is compared sooner than paths are.
        if str(item.path).startswith(HERE) and item.get_closest_marker("nixpkgs"):
            item.add_marker(pytest.mark.skip(reason=lacks))


@pytest.fixture(autouse=True, scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A store of the tests for derivations."""
    import os

    top = tmp_path_factory.mktemp("nix")
    os.environ.setdefault("NIX_STATE_DIR", str(top / "state"))
    os.environ.setdefault("NIX_STORE_DIR", str(top / "store"))
