"""The hardware watchdog, which resets a machine that hangs; systemd feeds it."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Attrs, Module, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

SETTINGS_SINCE = "25.11"
"""First release with `systemd.settings.Manager`, which took the place of `systemd.watchdog` (its
release notes)."""
MODULES = {"raspberry-pi-4": "bcm2835_wdt"}
"""Kernel module of the hardware, by profile. The Pi's watchdog has at most 15 seconds; the kernel
feeds it in between, so a hanging kernel is reset sooner than `runtime`."""


def modules(_plan: Plan, host: Host) -> Iterator[Module]:
    """`watchdog.nix`, on a host that asks for it."""
    watchdog = host.config.watchdog
    if watchdog is None or not host.is_nixos:
        return
    module = watchdog.module or MODULES.get(host.config.profile)
    yield Module(
        "watchdog.nix",
        "Hardware watchdog: resets this host when it hangs",
        derived=merge(
            attrs("boot.kernelModules", [module]) if module else {},
            _manager(host.release, watchdog.runtime, watchdog.reboot),
        ),
    )


def _manager(release: str, runtime: str, reboot: str) -> Attrs:
    if release < SETTINGS_SINCE:
        return attrs("systemd.watchdog", {"runtimeTime": runtime, "rebootTime": reboot})
    return attrs(
        "systemd.settings.Manager", {"RuntimeWatchdogSec": runtime, "RebootWatchdogSec": reboot}
    )
