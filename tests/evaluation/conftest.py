"""Everything here needs Nix, and a nixpkgs that somebody names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.evaluation.nixpkgs import NIXPKGS

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what asks Nix, where there is none or no nixpkgs; the rest needs nothing."""
    lacks = ""
    if not NIXPKGS:
        lacks = "HOMELAB_NIXPKGS names no nixpkgs"
    elif shutil.which("nix-instantiate") is None:
        lacks = "there is no nix-instantiate on PATH"
    for item in items:
        if lacks and HERE in item.path.parents and item.get_closest_marker("nixpkgs"):
            item.add_marker(pytest.mark.skip(reason=lacks))


@pytest.fixture(autouse=True, scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nix keeps what it instantiates in a directory of the tests."""
    import os

    top = tmp_path_factory.mktemp("nix")
    os.environ.setdefault("NIX_STATE_DIR", str(top / "state"))
    os.environ.setdefault("NIX_STORE_DIR", str(top / "store"))
