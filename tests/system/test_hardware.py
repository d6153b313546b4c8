"""Graphics, lids and home-manager, by hardware and release."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.deploy.plan import policy_of
from homelab.render import modules_of
from homelab.system.hardware import intel_packages
from tests import build
from tests.tools.options import check_module


def nas(release: str = "25.11", **config: object) -> dict[str, Any]:
    return {"nixpkgs": {"default": {"release": release}}, "hosts": {"nas": config}}


@pytest.mark.parametrize(
    ("generation", "release", "packages"),
    [
        (None, "25.11", ("intel-compute-runtime", "intel-media-driver", "vpl-gpu-rt")),
        (12, "25.11", ("intel-compute-runtime", "intel-media-driver", "vpl-gpu-rt")),
        (11, "25.11", ("intel-compute-runtime", "intel-media-driver", "vpl-gpu-rt")),
        (None, "24.05", ("intel-compute-runtime", "intel-media-driver", "onevpl-intel-gpu")),
        (8, "25.11", ("intel-compute-runtime-legacy1", "intel-media-driver")),
        (8, "24.11", ("intel-compute-runtime", "intel-media-driver")),
        (4, "25.11", ("intel-vaapi-driver",)),
    ],
)
def test_intel_graphics_get_the_drivers_of_their_generation(
    generation: int | None, release: str, packages: tuple[str, ...]
) -> None:
    """Quick Sync needs another runtime from the 11th generation on, and tone mapping needs
    OpenCL."""
    assert intel_packages(generation, release) == packages
    gpu: dict[str, object] = {"vendor": "intel", "generation": generation}
    text = build.render(nas(release, gpu=gpu))["nas"]["graphics.nix"]
    assert all(f"pkgs.{p}\n" in text or f"[ pkgs.{p} ]" in text for p in packages)


@pytest.mark.parametrize("is_open", [True, False])
def test_the_stack_selects_the_kernel_modules_of_an_nvidia_card(is_open: bool) -> None:
    """The open modules lack old cards, the others lack new ones."""
    text = build.render(nas(gpu={"vendor": "nvidia", "open": is_open}))["nas"]["graphics.nix"]
    assert f"hardware.nvidia.open = {str(is_open).lower()};" in text


@pytest.mark.parametrize(
    ("gpu", "says"),
    [
        ({"vendor": "nvidia"}, "add open: true"),
        ({"vendor": "intel", "open": True}, "leave it out"),
        ({"vendor": "amd", "generation": 8}, "leave it out"),
    ],
)
def test_a_field_of_another_graphics_vendor_is_refused(gpu: dict[str, object], says: str) -> None:
    with pytest.raises(Exception, match=says):
        build.stack_config(nas(gpu=gpu))


@pytest.mark.parametrize(
    ("release", "line"),
    [
        ("25.11", 'HandleLidSwitchDocked = "ignore";'),
        ("25.05", 'lidSwitchDocked = "ignore";'),
    ],
)
def test_a_lid_is_ignored_by_the_option_of_the_release(release: str, line: str) -> None:
    """The old name would print a warning at every build."""
    changes = nas(release, profile="laptop-server")
    text = build.render(changes)["nas"]["power.nix"]
    assert line in text
    assert text.count("ignore") == 3
    made = build.plan(changes)
    wanted = [m for m in modules_of(made, made.hosts["nas"]) if m.file == "power.nix"]
    assert [p for m in wanted for p in check_module(m)] == []


@pytest.mark.parametrize(
    ("release", "overwrites", "may_fail"),
    [("25.11", True, ()), ("25.05", False, ("home-manager-sam.service",))],
)
def test_a_second_file_in_the_way_of_home_manager_rolls_nothing_back(
    release: str, overwrites: bool, may_fail: tuple[str, ...]
) -> None:
    changes = nas(release, home="home/sam.nix")
    text = build.render(changes)["nas"]["home.nix"]
    assert ("home-manager.overwriteBackup = true;" in text) == overwrites
    made = build.plan(changes)
    assert policy_of(made.stack, made.hosts["nas"]).may_fail == may_fail
    assert policy_of(made.stack, made.hosts["pi"]).may_fail == ()
