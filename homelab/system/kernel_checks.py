"""A kernel module that a host needs is not on its blacklist, and its kernel forwards packets where
it must.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.nix.source import Computed, Value
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.system.kernel_needs import Need, storage_needs
from homelab.system.model import Host
from homelab.system.own_flake import system_settings
from homelab.system.watchdog import MODULES as WATCHDOGS

BLACKLIST_CONFLICT = file_check(
    "blacklist-conflict",
    "error",
    "A host whose network, disk or graphics module is not loaded does not come back after a boot.",
)
SYSCTL_CONFLICT = file_check(
    "sysctl-conflict",
    "error",
    "An exit node or a subnet router whose kernel forwards nothing reaches nobody.",
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
_FIREWALL = re.compile(r"nf_\w+|nft_\w+|nfnetlink\w*")
_CONTAINERS = re.compile(r"br_netfilter|bridge|overlay|veth")
_LOADS = (
    ("boot", "kernelModules"),
    ("boot", "initrd", "kernelModules"),
    ("boot", "initrd", "availableKernelModules"),
)

_FORWARDING = re.compile(r"net\.ipv4\.ip_forward|net\.ipv[46]\.conf\..+\.forwarding")
Sources = Mapping[str, str | bytes]


def check_kernel(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Modules on the blacklist that a feature of the host, or a module of the owner, needs, and
    settings that turn off forwarding on a host that needs it.
    """
    for host in plan.hosts.values():
        if not host.is_nixos:
            continue
        yield from _forwarding(plan, host, sources)
        kernel = host.config.kernel
        if kernel is None:
            continue
        needs = [*_needs(plan.on(host.name), host), *storage_needs(host, sources)]
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


def _forwarding(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    """Settings that turn off forwarding on a host that forwards packets for others."""
    needed = next(_forwards(plan.on(host.name), host), "")
    kernel = host.config.kernel
    stated = dict(kernel.sysctl) if kernel is not None else {}
    for name, value in stated.items() if needed else ():
        if _FORWARDING.fullmatch(name) and str(value) == "0":
            yield Problem(
                f"{host.source}.kernel.sysctl",
                f"{name}: 0 turns off forwarding, which {host.name} needs for {needed}",
                f"leave {name} out",
                check=SYSCTL_CONFLICT,
            )
    for setting in system_settings(host, sources) if needed else ():
        if setting.path[:3] != ("boot", "kernel", "sysctl") or len(setting.path) != 4:
            continue
        if _FORWARDING.fullmatch(setting.path[3]) and setting.value in (0, "0"):
            yield Problem(
                host.source,
                f"a module of {host.name} sets {setting.name} to 0, which turns off forwarding, "
                f"and {host.name} needs it for {needed}",
                "remove the line from the module",
                check=SYSCTL_CONFLICT,
            )


def _forwards(services: tuple[Service, ...], host: Host) -> Iterator[str]:
    tailscale = host.config.tailscale
    if tailscale is not None and tailscale.exit_node:
        yield "the exit node (tailscale.exit_node)"
    if tailscale is not None and tailscale.subnet_routes:
        yield "its subnet routes (tailscale.subnet_routes)"
    if any(s.parts for s in services):
        yield "containers"


def _loaded(host: Host, sources: Mapping[str, str | bytes]) -> frozenset[str]:
    """Modules that hand-written modules load, as far as their text shows."""
    found = (s.value for s in system_settings(host, sources) if s.path in _LOADS)
    return frozenset(name.replace("-", "_") for value in found for name in _names(value))


def _names(value: Value) -> Iterator[str]:
    for item in value if isinstance(value, tuple) else ():
        if isinstance(item, str) and not isinstance(item, Computed):
            yield item
