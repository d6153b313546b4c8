"""Entries filled in for a host."""

from __future__ import annotations

import pytest

from homelab.services import nixos
from tests import build

PHOTOS = {
    "services": {"immich": {"host": "nas", "datasets": {"photos": "photos"}}},
    "datasets": {"photos": {"host": "nas", "path": "/mnt/photos", "tier": "irreplaceable"}},
}


def _services(changes: dict[str, object]) -> dict[str, dict[str, object]]:
    plan = build.plan(changes)
    derived = [m.derived for m in nixos.modules(plan, plan.hosts["nas"])]
    services = [d["services"] for d in derived]
    return {k: v for s in services if isinstance(s, dict) for k, v in s.items()}


@pytest.mark.requirement("S0-54")
def test_photos_lie_in_their_dataset_in_a_directory_that_is_made_for_them() -> None:
    """Below `_immich-managed`, so that the dataset can hold other photos too."""
    files = build.render(PHOTOS)["nas"]
    text = files["services/immich.nix"]
    assert 'mediaLocation = "/mnt/photos/_immich-managed";' in text
    assert "/mnt/photos/_immich-managed" in text.split("systemd.tmpfiles.rules")[1]


def test_without_a_dataset_photos_lie_in_the_state_directory() -> None:
    """The options for a part that is not used are left out."""
    immich = _services({"services": {"immich": {"host": "nas"}}})["immich"]
    assert "mediaLocation" not in immich
    text = build.render({"services": {"immich": {"host": "nas"}}})["nas"]["services/immich.nix"]
    assert "tmpfiles" not in text


@pytest.mark.requirement("T21")
def test_an_app_believes_the_proxy_that_calls_it() -> None:
    """The proxy's own address, on the same host or over the tailnet."""
    remote = _services({"services": {"navidrome": {"host": "nas"}}})["navidrome"]["settings"]
    near = _services(
        {"services": {"navidrome": {"host": "nas"}}, "network": {"entry": {"host": "nas"}}}
    )["navidrome"]["settings"]
    assert isinstance(remote, dict)
    assert isinstance(near, dict)
    assert remote["ReverseProxyWhitelist"] == "192.168.1.2/32"
    assert near["ReverseProxyWhitelist"] == "127.0.0.1/32"


@pytest.mark.requirement("S0-71")
def test_a_module_that_the_pin_lacks_is_an_error() -> None:
    """Named with the release it needs and the one that is pinned."""
    old = {"nixpkgs": {"default": {"release": "24.11"}}, "services": {"homepage": {"host": "nas"}}}
    (problem,) = build.found(old, "module-available")
    assert problem.where == "services.homepage"
    assert "needs NixOS 25.05" in problem.what
    assert "pinned to 24.11" in problem.what
    assert "nixpkgs.default.release" in problem.way_out
    assert not build.found({"services": {"homepage": {"host": "nas"}}}, "module-available")


@pytest.mark.requirement("S0-71")
def test_an_option_that_the_pin_lacks_is_an_error_wherever_it_is_said() -> None:
    """By its full path or inside a set of options; removed ones too."""
    for options in (
        {"services.jellyfin.hardwareAcceleration.enable": True},
        {"services.jellyfin": {"hardwareAcceleration": {"enable": True}}},
    ):
        changes = {"services": {"jellyfin": {"host": "nas", "options": options}}}
        problem = build.found(changes, "module-available")[0]
        assert problem.where == "services.jellyfin.options"
        assert "came with 26.05" in problem.what
    gone = {
        "nixpkgs": {"default": {"release": "26.05"}},
        "services": {
            "ollama": {"host": "nas", "options": {"services.ollama.acceleration": "cuda"}}
        },
    }
    assert "is gone since 26.05" in build.found(gone, "module-available")[0].what
    kept = {"services": {"ollama": {"host": "nas", "options": {"services.ollama.home": "/x"}}}}
    assert not build.found(kept, "module-available")
