"""Directories of the host inside containers."""

from __future__ import annotations

import pytest

from homelab.render import modules_of
from tests import build
from tests.household import Changes
from tests.tools.options import check_module

IMAGE = "ghcr.io/a/b:1@sha256:" + "0" * 64


@pytest.mark.requirement("S1-02")
def test_a_directory_that_a_container_writes_is_made_and_stays_whose_it_is() -> None:
    """Podman refuses a mount whose source is missing; a read-only one is somebody else's."""
    mounts = [
        {"source": "/var/lib/draw", "target": "/data"},
        {"source": "/var/lib/media", "target": "/media", "read_only": True},
        {"source": "/etc/draw.toml", "target": "/draw.toml"},
    ]
    service: Changes = {
        "host": "nas",
        "port": 8088,
        "container": {"image": IMAGE, "port": 80, "mounts": mounts},
    }
    changes: Changes = {"services": {"draw": service}}
    plan = build.plan(changes)
    (module,) = [m for m in modules_of(plan, plan.hosts["nas"]) if m.file == "services/draw.nix"]
    assert check_module(module) == []
    text = build.render(changes)["nas"]["services/draw.nix"]
    made = text.partition("systemd.tmpfiles")[2].partition("virtualisation")[0]
    assert '"/var/lib/draw".d = {' in made
    assert 'user = ":root";' in made
    assert "/var/lib/media" not in made
    assert "/etc/draw.toml" not in made
