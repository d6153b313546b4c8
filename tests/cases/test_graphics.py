"""Reported cases of graphics hardware."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cases.on_disk import laid_out, rendered, tried

IMAGE = "ghcr.io/immich-app/immich-machine-learning:v2-cuda@sha256:" + "0" * 64
URL = "services.immich.environment.IMMICH_MACHINE_LEARNING_URL"


@pytest.mark.requirement("S0-52")
def test_intel_n100_jellyfin(tmp_path: Path) -> None:
    """Quick Sync and tone mapping of the 12th generation need more than the video driver."""
    edit = {
        "hosts": {"aurora": {"gpu": {"vendor": "intel"}}},
        "datasets": {
            "media": {"host": "aurora", "path": "/mnt/family/media", "mount": "/mnt/family"}
        },
        "services": {
            "jellyfin": None,
            "film": {
                "service": "jellyfin",
                "host": "aurora",
                "name": "media",
                "gpu": "intel",
                "datasets": {"media": "media"},
            },
        },
    }
    stack = laid_out(tmp_path / "stack", edit)
    (stack / "homelab.lock.yaml").unlink()  # it has Jellyfin on another host
    files = rendered(stack)["aurora"]
    for package in ("intel-media-driver", "vpl-gpu-rt", "intel-compute-runtime"):
        assert f"pkgs.{package}" in files["graphics.nix"]
    unit = files["hardening.nix"].partition("units.jellyfin")[2].partition("};")[0]
    assert '"char-drm rw"' in unit
    assert "nvidia" not in unit


@pytest.mark.requirement("S0-05", "S0-52", "S0-54")
def test_immich_lets_another_host_do_its_machine_learning(tmp_path: Path) -> None:
    """As the guide has it: the port is open to aurora alone, and no unit of it runs there."""
    learning: dict[str, Any] = {
        "host": "workstation",
        "gpu": "nvidia",
        "container": {"image": IMAGE, "port": 3003},
        "port": 3003,
        "routes": [],
        "backup": {"skip": "its models can be downloaded again"},
        "monitor": {"skip": "Immich works without it"},
        "tile": {"skip": "it has no pages"},
    }
    options = {
        "services.immich.machine-learning.enable": False,
        URL: {"$force": {"$service": "immich-ml"}},
    }
    edit = {"services": {"immich": {"options": options}, "immich-ml": learning}}
    stack = laid_out(tmp_path / "stack", edit)
    assert [p for p in tried(stack) if p.severity == "error"] == []
    files = rendered(stack)
    here, there = files["aurora"], files["workstation"]
    assert "immich-machine-learning" not in here["hardening.nix"]
    (address,) = re.findall(
        r'IMMICH_MACHINE_LEARNING_URL = lib.mkForce "http://(.*):3003";',
        here["services/immich.nix"],
    )
    assert f'"{address}:3003:3003"' in there["services/immich-ml.nix"]
    assert "--device=nvidia.com/gpu=all" in there["services/immich-ml.nix"]
