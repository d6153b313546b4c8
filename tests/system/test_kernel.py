"""A host's kernel: what it does not load, and that it loads what the host needs."""

from __future__ import annotations

import pytest

from homelab.problems import InvalidStackError
from homelab.system.kernel_checks import check_kernel
from tests import build

SERIAL = "/dev/serial/by-id/usb-Maker_Radio_0001-if00-port0"
ROOT = {"disk": "system", "partition": 2, "fs": "ext4"}


def _host(**config: object) -> dict[str, object]:
    return {"hosts": {"nas": {**config}}}


def _found(blacklist: list[str], **config: object) -> list[str]:
    plan = build.plan(_host(kernel={"blacklist": blacklist}, **config))
    return [p.what for p in check_kernel(plan, build.sources(plan))]


def test_the_kernel_file_has_what_the_stack_states() -> None:
    kernel = {"blacklist": ["snd", "btusb"], "sysctl": {"vm.swappiness": 10}, "params": ["quiet"]}
    text = build.render(_host(kernel=kernel))["nas"]["kernel.nix"]
    assert '"btusb"\n' in text
    assert 'boot.kernel.sysctl."vm.swappiness" = 10;' in text
    assert 'kernelParams = [ "quiet" ];' in text


def test_a_host_without_settings_has_no_kernel_file() -> None:
    assert "kernel.nix" not in build.render(_host(kernel={}))["nas"]


NEEDS: dict[str, tuple[str, dict[str, object], str]] = {
    "WiFi": (
        "brcmfmac",
        {"wifi": {"ssid": "home", "psk": {"sops": "wifi/psk"}}, "interface": "wlan0"},
        "WiFi (wifi)",
    ),
    "a GPU": ("i915", {"gpu": {"vendor": "intel"}}, "the GPU (intel)"),
    "the tailnet": ("tun", {}, "the tailnet"),
    "the firewall": ("nf-tables", {}, "its firewall"),
    "zram": ("zram", {"zram": {}}, "swap in memory (zram)"),
    "a watchdog": ("iTCO_wdt", {"watchdog": {"module": "iTCO_wdt"}}, "the watchdog"),
    "a serial device": ("cp210x", {"devices": {"radio": SERIAL}}, "the device radio"),
    "a file system": (
        "btrfs",
        {
            "disks": {"system": "/dev/disk/by-id/nvme-a"},
            "file_systems": {"/srv": {**ROOT, "fs": "btrfs"}},
        },
        "the file system /srv",
    ),
    "a disk": (
        "nvme",
        {"disks": {"system": "/dev/disk/by-id/nvme-a"}, "file_systems": {"/srv": ROOT}},
        "the disk of /srv",
    ),
}


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize("name", NEEDS)
def test_a_module_that_a_feature_needs_is_an_error(name: str) -> None:
    module, config, what = NEEDS[name]
    assert _found([module], **config) == [f"nas needs {module} for {what}"]
    assert _found(["btusb"], **config) == []


def test_nouveau_may_go_beside_nvidia() -> None:
    gpu = {"vendor": "nvidia", "architecture": "ampere"}
    assert _found(["nouveau"], gpu=gpu) == []
    assert _found(["nvidia-drm"], gpu=gpu) == ["nas needs nvidia-drm for the GPU (nvidia)"]


@pytest.mark.requirement("S4-27")
def test_a_module_that_the_hardware_module_loads_is_an_error() -> None:
    plan = build.plan(_host(kernel={"blacklist": ["kvm_intel"]}))
    files = {
        **build.sources(plan),
        "hosts/nas/hardware.nix": '{ boot.kernelModules = [ "kvm-intel" ]; }',
    }
    (found,) = check_kernel(plan, files)
    assert found.what == "nas needs kvm_intel for a module of yours, which loads it"


@pytest.mark.parametrize(
    "kernel",
    [
        {"blacklist": ["a b"]},
        {"blacklist": ["x\ny"]},
        {"sysctl": {"vm.swappiness": "1\nkernel.x=1"}},
        {"sysctl": {"swappiness": 1}},
        {"params": ["init=/bin/sh"]},
        {"params": ["a b"]},
        {"params": ["mitigations=off"]},
    ],
)
def test_a_value_with_a_special_meaning_is_refused(kernel: dict[str, object]) -> None:
    with pytest.raises(InvalidStackError):
        build.plan(_host(kernel=kernel))
