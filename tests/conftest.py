"""What holds for every test: none dials a host that it did not make itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from homelab.ops.machine.ssh import DIAL_MAP, DialMap

if not os.access("/nix/var/nix", os.W_OK):
    # Nix wants to write where it keeps its store, even to parse; an ordinary user may not.
    _NIX = Path(tempfile.gettempdir()) / f"homelab-nix-{os.getuid()}"
    for _name in ("STATE", "STORE", "LOG"):
        os.environ.setdefault(f"NIX_{_name}_DIR", str(_NIX / _name.lower()))


@pytest.fixture(scope="session")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dial map that leads to no host at all."""
    path = tmp_path_factory.mktemp("dial") / "nowhere.json"
    path.write_text(DialMap(hosts={}, client_key="none").model_dump_json(), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def dials_nobody(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses in test stacks look like real ones; a lab says where they lead instead."""
    monkeypatch.setenv(DIAL_MAP, str(nowhere))
