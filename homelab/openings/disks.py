"""Power management of disks that stops them while they are in use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, texts

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
