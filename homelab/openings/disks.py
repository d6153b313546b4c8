"""Power management of disks that stops them while they are in use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, texts
from homelab.plan import Plan

APM = "disk-apm"
_SETS_APM = re.compile(r"\bhdparm\b[^\n]*\s-(B|-?apm)\b", re.IGNORECASE)


@rule(
    "services.udev.extraRules",
    "powerManagement.powerUpCommands",
    "powerManagement.resumeCommands",
)
def apm(setting: Setting, view: View) -> Iterator[Opening]:
    """A udev rule, or a command of each boot, that sets the advanced power management of a disk."""
    if any(_SETS_APM.search(text) for text in texts(setting.value)):
        when = "whenever a disk appears" if "udev" in setting.path else "by itself"
        yield Opening(
            APM,
            f"{setting.name} sets APM with hdparm -B {when}: bridges from USB to SATA hang on it, "
            "and the host then waits for the disk at boot",
            "leave it out, and run hdparm by hand for a disk that bears it",
            acceptable=True,
        )


UNSTABLE = "disk-name"
_NUMBERED = re.compile(r"/dev/((s|v|xv|h)d[a-z]{1,2}[0-9]*|nvme[0-9]+n[0-9]+(p[0-9]+)?)")


def boot_disks(plan: Plan) -> Iterator[tuple[str, Opening]]:
    """Disks of GRUB that the stack config names by their number: (place, opening)."""
    for host in plan.hosts.values():
        device = host.config.boot.device if host.is_nixos else None
        if device is not None and _NUMBERED.fullmatch(device):
            yield (
                f"{host.source}.boot.device",
                Opening(
                    UNSTABLE,
                    f"{device} may be another disk after a boot or with one more disk, and GRUB "
                    "would be written there",
                    "write the whole disk as `ls -l /dev/disk/by-id` shows it, or by-path where a "
                    "virtual disk has no id",
                    "warning",
                ),
            )


@rule(
    "fileSystems.*.device",
    "swapDevices",
    "boot.initrd.luks.devices.*.device",
    "boot.resumeDevice",
    "boot.zfs.devNodes",
    "boot.loader.grub.device",
    "boot.loader.grub.devices",
    "disko.devices.disk.*.device",
    "services.smartd.devices",
)
def numbered(setting: Setting, view: View) -> Iterator[Opening]:
    """A disk by its number."""
    for device in sorted({t for t in texts(setting.value) if _NUMBERED.fullmatch(t)}):
        # A file system has a name of its own; a whole disk has only that of its maker.
        whole = not device[-1].isdigit() or re.search(r"n[0-9]+$", device)
        where = "/dev/disk/by-id" if whole else "/dev/disk/by-uuid"
        yield Opening(
            UNSTABLE,
            f"{setting.name} is {device}, which may be another disk after a boot or with one more "
            "disk",
            f"write the name that `ls -l {where}` shows",
            "warning",
            acceptable=True,
        )
