"""Graphics, lids and home-manager, by hardware and release."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.deploy.plan import policy_of
from homelab.ops.project.stack import check_sources
from homelab.problems import InvalidStackError
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


@pytest.mark.requirement("S0-52")
@pytest.mark.parametrize(
    ("architecture", "release", "is_open", "driver"),
    [
        ("pascal", "25.11", "false", ""),
        ("pascal", "26.05", "false", 'branch = "legacy_580";'),
        ("maxwell", "26.05", "false", 'branch = "legacy_580";'),
        ("turing", "26.05", "true", ""),
        ("blackwell", "26.05", "true", ""),
    ],
)
def test_the_card_selects_kernel_modules_and_driver(
    architecture: str, release: str, is_open: str, driver: str
) -> None:
    """The driver of 26.05 ignores cards before Turing, and only says so in the kernel's log."""
    gpu: dict[str, object] = {"vendor": "nvidia", "architecture": architecture}
    text = build.render(nas(release, gpu=gpu))["nas"]["graphics.nix"]
    assert f"open = {is_open};" in text
    assert driver in text
    assert ("branch" in text) == bool(driver)


@pytest.mark.requirement("S0-52")
def test_two_services_of_a_gpu_that_is_not_shared_are_reported() -> None:
    """A container counts as any other."""
    image = "ghcr.io/a/b:1@sha256:" + "0" * 64
    changes = nas(gpu={"vendor": "intel", "shared": False})
    changes["services"] = {
        "jellyfin": {"host": "nas", "gpu": "intel"},
        "model": {"host": "nas", "gpu": "intel", "container": {"image": image, "port": 80}},
    }
    (problem,) = build.found(changes, "gpu-single")
    assert problem.where == "services.model.gpu"
    assert problem.what.startswith("jellyfin has the GPU of nas to itself")
    changes["services"]["model"]["host"] = "pi"
    assert build.found(changes, "gpu-single") == []


@pytest.mark.parametrize(
    ("gpu", "says"),
    [
        ({"vendor": "nvidia"}, "add architecture: ampere"),
        ({"vendor": "nvidia", "architecture": "pascal", "open": True}, "leave open out"),
        ({"vendor": "nvidia", "architecture": "blackwell", "open": False}, "leave open out"),
        ({"vendor": "amd", "architecture": "ada"}, "leave it out"),
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


@pytest.mark.requirement("S0-05")
def test_the_desktop_of_a_compute_host_leaves_memory_for_its_services() -> None:
    limits = {"high": "24 GiB", "max": "28 GB"}
    for desktop in (None, {"environment": "plasma"}):
        changes = nas(user_memory=limits, desktop=desktop)
        changes["site"] = {"owner": {"password": {"sops": "users/sam"}}}
        text = " ".join(build.render(changes)["nas"]["power.nix"].split())
        assert '"user@".serviceConfig = { MemoryHigh = "24576M"; MemoryMax = "26702M"; }' in text
    assert "user@" not in build.render(nas(zram={}))["nas"]["power.nix"]


@pytest.mark.requirement("S0-05")
@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"user_memory": {}}, "add high: 24 GiB"),
        ({"user_memory": {"high": "2 GB", "max": "1 GB"}}, "high is above max, 1 GB"),
        (
            {"user_memory": {"max": "2 GB"}, "desktop": {"environment": "xfce"}},
            "would not limit them",
        ),
    ],
)
def test_a_limit_that_would_limit_nothing_is_refused(config: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan(nas(**config))
    assert says in str(refused.value)


@pytest.mark.requirement("S0-03")
def test_a_raspberry_pi_on_flash_writes_no_journal_and_has_no_swap_on_its_disk() -> None:
    board = {
        "profile": "raspberry-pi-4",
        "platform": "aarch64-linux",
        "flash": True,
        "zram": {},
        "watchdog": {},
        "bootstrap": "sd-image",
        "boot": {"loader": "hardware"},
    }
    files = build.render({"hosts": {"nas": board}})["nas"]
    assert "Storage=volatile" in files["boot.nix"]
    assert "zramSwap" in files["power.nix"]
    assert "nixos-hardware.nixosModules.raspberry-pi-4" in files["flake.nix"]
    assert 'boot.kernelModules = [ "bcm2835_wdt" ];' in files["watchdog.nix"]
    assert not [name for name, text in files.items() if "swapDevices" in text]
    made = build.plan({"hosts": {"nas": {**board, "swap": {"file": "/swapfile", "size": "4 GB"}}}})
    (found,) = (p for p in check_sources(made, build.sources(made)) if p.check == "flash-swap-file")
    assert (found.where, found.severity) == ("hosts.nas.swap.file", "error")
    assert "the swap file of nas" in found.what
    assert "flash: true" in found.what
