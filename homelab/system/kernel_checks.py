"""A kernel module that a host needs is not on its blacklist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.config.disks import ZfsPool
from homelab.nix.source import Computed, Value
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.system.model import Host
from homelab.system.own_flake import system_settings
from homelab.system.watchdog import MODULES as WATCHDOGS

BLACKLIST_CONFLICT = file_check(
    "blacklist-conflict",
    "error",
    "A host whose network, disk or graphics module is not loaded does not come back after a boot.",
)
_WIFI = re.compile(
    r"ath\d+k?(_\w+)?|b43|brcm(fmac|smac|util)(_\w+)?|carl9170|cfg80211|iwl(wifi|mvm|dvm|mld)"
    r"|mac80211|mt76\w*|mt79\w+|mwifiex\w*|rt2\w+|rtl8\w+|rtw8\d\w*|rtw_\w+|wl"
)
_GPU = {
    "amd": re.compile(r"amdgpu|radeon"),
    "intel": re.compile(r"i915|xe"),
    "nvidia": re.compile(r"nvidia(_\w+)?"),
}
_SERIAL = re.compile(r"cdc_acm|ch341|cp210x|ftdi_sio|pl2303|usbserial")
_DISKS = {
    "ata": re.compile(r"ahci|libata|sd_mod|scsi_mod"),
    "mmc": re.compile(r"mmc_\w+|sdhci\w*"),
    "nvme": re.compile(r"nvme(_core)?"),
    "usb": re.compile(r"sd_mod|uas|usb_storage|xhci\w*|ehci\w*"),
}
"""By the start of a name in /dev/disk/by-id."""
_FIREWALL = re.compile(r"nf_\w+|nft_\w+|nfnetlink\w*")
_CONTAINERS = re.compile(r"br_netfilter|bridge|overlay|veth")
_LOADS = (
    ("boot", "kernelModules"),
    ("boot", "initrd", "kernelModules"),
    ("boot", "initrd", "availableKernelModules"),
)

Need = tuple[re.Pattern[str], str]
"""Modules, and what needs them."""


def check_kernel(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Modules on the blacklist that a feature of the host, or a module of the owner, needs."""
    for host in plan.hosts.values():
        kernel = host.config.kernel if host.is_nixos else None
        if kernel is None:
            continue
        needs = list(_needs(plan.on(host.name), host))
        loaded = _loaded(host, sources)
        for index, name in enumerate(kernel.blacklist):
            plain = name.replace("-", "_")
            users = [what for modules, what in needs if modules.fullmatch(plain)]
            users += ["a module of yours, which loads it"] if plain in loaded else []
            if users:
                yield Problem(
                    f"{host.source}.kernel.blacklist[{index}]",
                    f"{host.name} needs {name} for {users[0]}",
                    "take it off the blacklist",
                    check=BLACKLIST_CONFLICT,
                )


def _needs(services: tuple[Service, ...], host: Host) -> Iterator[Need]:
    config = host.config
    yield _FIREWALL, "its firewall"
    if config.wifi is not None:
        yield _WIFI, "WiFi (wifi)"
    if config.gpu is not None:
        yield _GPU[config.gpu.vendor], f"the GPU ({config.gpu.vendor})"
    if config.tailscale is not None:
        yield re.compile(r"tun|wireguard"), "the tailnet"
    if config.zram is not None:
        yield re.compile("zram"), "swap in memory (zram)"
    module = (config.watchdog.module if config.watchdog else None) or WATCHDOGS.get(config.profile)
    if config.watchdog is not None and module:
        yield re.compile(re.escape(module.replace("-", "_"))), "the watchdog"
    if any(s.parts for s in services):
        yield _CONTAINERS, "containers"
    for name, device in config.devices.items():
        if "/serial/" in str(getattr(device, "path", device)):
            yield _SERIAL, f"the device {name}"
    yield from _storage(host)


def _storage(host: Host) -> Iterator[Need]:
    for system in host.file_systems:
        kind = system.kind.removeprefix("fuse.")
        modules = "fuse" if system.kind.startswith("fuse.") else re.escape(kind)
        yield re.compile(modules), f"the file system {system.mount}"
        if system.encryption is not None:
            yield re.compile("dm_crypt|dm_mod"), f"the encrypted file system {system.mount}"
        bus = re.match(r"/dev/disk/by-id/([a-z]+)-", system.device or system.what)
        if bus is not None and bus[1] in _DISKS:
            yield _DISKS[bus[1]], f"the disk of {system.mount}"
    if any(isinstance(pool, ZfsPool) for pool in host.config.pools.values()):
        yield re.compile("zfs|spl"), "ZFS pools"


def _loaded(host: Host, sources: Mapping[str, str | bytes]) -> frozenset[str]:
    """Modules that hand-written modules load, as far as their text shows."""
    found = (s.value for s in system_settings(host, sources) if s.path in _LOADS)
    return frozenset(name.replace("-", "_") for value in found for name in _names(value))


def _names(value: Value) -> Iterator[str]:
    for item in value if isinstance(value, tuple) else ():
        if isinstance(item, str) and not isinstance(item, Computed):
            yield item
