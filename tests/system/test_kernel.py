"""A host's kernel: what it does not load, and that it loads what the host needs."""

from __future__ import annotations

import pytest

from homelab.policy.baseline import BASELINE
from homelab.policy.facts import from_text
from homelab.policy.report import judged
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


WEAK = (
    *("mitigations=off", "nokaslr", "nosmap", "nosmep", "nopti", "pti=off", "kpti=0"),
    *("spectre_v2=off", "spectre_v2_user=off", "nospectre_v1", "nospectre_v2", "spectre-v2=off"),
    *("spec_store_bypass_disable=off", "l1tf=off", "mds=off", "retbleed=off", "srbds=off"),
    *("tsx_async_abort=off", "mmio_stale_data=off", "gather_data_sampling=off", "noexec=off"),
    *("spec_rstack_overflow=off", "kvm.nx_huge_pages=off", "rodata=off", "clearcpuid=smap"),
)


@pytest.mark.parametrize("parameter", WEAK)
def test_a_parameter_that_turns_off_protection_is_refused_and_breaks_the_rule(
    parameter: str,
) -> None:
    with pytest.raises(InvalidStackError, match="turns off protection"):
        build.plan(_host(kernel={"params": [parameter]}))
    own = "hosts/nas/own.nix"
    plan = build.plan(_host(modules=[own]))
    sources = {**build.sources(plan), own: f'{{ boot.kernelParams = [ "quiet {parameter}" ]; }}'}
    facts = from_text(plan, plan.hosts["nas"], sources)
    states = {v.rule.id: v.state for v in judged(facts, "2026-01-01").verdicts}
    assert states["SEC-KERN-002"] == "broken"


def test_a_parameter_that_keeps_protection_is_accepted() -> None:
    kept = ["quiet", "mitigations=auto,nosmt", "pti=on", "spectre_v2=retpoline", "iommu=pt"]
    build.plan(_host(kernel={"params": kept}))


def test_the_kernels_settings_satisfy_the_rule_about_its_log_as_its_way_out_says() -> None:
    (rule,) = [r for r in BASELINE if r.id == "SEC-KERN-004"]
    assert "kernel.sysctl: {kernel.dmesg_restrict: 1}" in rule.way_out
    plan = build.plan(_host(kernel={"sysctl": {"kernel.dmesg_restrict": 1}}))
    facts = from_text(plan, plan.hosts["nas"], build.sources(plan))
    assert rule.look(facts) == ""


HARDWARE: dict[str, tuple[str, list[str]]] = {
    "ext4": ('fileSystems."/" = { device = "/dev/sda2"; fsType = "ext4"; };', ["ext4", "jbd2"]),
    "vfat": (
        'fileSystems."/boot" = { device = "/dev/sda1"; fsType = "vfat"; };',
        ["vfat", "fat", "nls_cp437", "nls-iso8859-1"],
    ),
    "LUKS": ('boot.initrd.luks.devices.root.device = "/dev/sda2";', ["dm_mod", "dm-crypt"]),
    "LVM": ('fileSystems."/".device = "/dev/mapper/vg-root";', ["dm_mod"]),
    "a disk": ('fileSystems."/".device = "/dev/disk/by-id/nvme-a-part2";', ["nvme"]),
    "a disk by its name": ('fileSystems."/".device = "/dev/mmcblk0p2";', ["mmc_block"]),
    "mergerfs": ('fileSystems."/srv".fsType = "fuse.mergerfs";', ["fuse"]),
    "ZFS": ('fileSystems."/srv" = { device = "a/b"; fsType = "zfs"; };', ["zfs", "spl"]),
    "disko": (
        'disko.devices.disk.a.content = { type = "luks"; content.format = "xfs"; };',
        ["xfs", "dm_crypt"],
    ),
}


@pytest.mark.parametrize("name", HARDWARE)
def test_what_the_hardware_module_mounts_needs_its_modules(name: str) -> None:
    text, modules = HARDWARE[name]
    plan = build.plan(_host(kernel={"blacklist": [*modules, "btusb"]}))
    files = {**build.sources(plan), "hosts/nas/hardware.nix": f"{{ {text} }}"}
    found = [p.where for p in check_kernel(plan, files)]
    assert found == [f"hosts.nas.kernel.blacklist[{i}]" for i, _ in enumerate(modules)]


def test_an_encrypted_file_system_and_a_pool_of_the_stack_need_their_modules() -> None:
    found = _found(
        ["dm_mod", "dm_crypt", "fuse"],
        disks={"a": "/dev/disk/by-id/ata-a"},
        file_systems={
            "/mnt/a": {"disk": "a", "fs": "ext4", "encrypted": {"key_file": "/k"}},
            "/srv": {"pool": "media"},
        },
        pools={"media": {"kind": "mergerfs", "branches": ["/mnt/a", "/mnt/b"]}},
    )
    assert len(found) == 3


FORWARDS: dict[str, dict[str, object]] = {
    "the exit node": {"tailscale": {"exit_node": True}},
    "its subnet routes": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}},
}


@pytest.mark.parametrize("name", FORWARDS)
@pytest.mark.parametrize(
    "setting",
    [
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.forwarding",
        "net.ipv6.conf.all.forwarding",
        "net.ipv4.conf.tailscale0.forwarding",
    ],
)
def test_a_host_that_forwards_for_others_cannot_turn_off_forwarding(
    name: str, setting: str
) -> None:
    def stated(value: int | str, **host: object) -> list[str]:
        plan = build.plan(_host(kernel={"sysctl": {setting: value}}, **host))
        return [p.what for p in check_kernel(plan, build.sources(plan))]

    for off in (0, "0"):
        (what,) = stated(off, **FORWARDS[name])
        assert what.startswith(f"{setting}: 0 turns off forwarding, which nas needs for {name}")
    assert stated(1, **FORWARDS[name]) == []
    assert stated(0) == []
    own = "hosts/nas/own.nix"
    plan = build.plan(_host(modules=[own], **FORWARDS[name]))
    files = {**build.sources(plan), own: f'{{ boot.kernel.sysctl."{setting}" = 0; }}'}
    assert [p.check for p in check_kernel(plan, files)] == ["sysctl-conflict"]
