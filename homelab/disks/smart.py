"""The health of disks: Scrutiny reads those of the stack config, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.disks import Disk
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

LINKS = "/dev/homelab/disk-"
"""Links to the disks: the collector of Scrutiny writes device names in lower case, and names by
serial number have capital letters."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`smart.nix`, on a host with Scrutiny and disks in the stack config."""
    watched = {
        name: disk
        for name, disk in sorted(host.config.disks.items())
        if disk.device is not None and disk.smart != "off"
    }
    if not host.config.disks or not watches_disks(plan, host):
        return
    devices: list[Nix] = [_device(name, disk) for name, disk in watched.items()]
    settings: Attrs = {
        # Its scan finds every disk, by names that change: smartctl then lists none.
        "commands": {"metrics_scan_args": "--json --version"},
        "devices": devices,
    }
    rules = [_rule(name, disk.device or "") for name, disk in watched.items()]
    yield Module(
        "smart.nix",
        "Disks whose health Scrutiny reads",
        derived=merge(
            attrs("services.scrutiny.collector.settings", settings),
            _ruled(rules) if rules else {},
        ),
    )


def _ruled(rules: list[str]) -> Attrs:
    """The rules, and a unit that applies them to disks that are there already."""
    return merge(
        attrs("services.udev.extraRules", Lines("".join(rules))),
        attrs(
            "systemd.services.homelab-disk-links",
            {
                "description": "Make the links to disks",
                "after": ["systemd-udevd.service"],
                "wantedBy": ["multi-user.target"],
                "restartTriggers": [*rules],
                "script": "exec udevadm trigger --action=change --subsystem-match=block",
                "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
            },
        ),
    )


def watches_disks(plan: Plan, host: Host) -> bool:
    """Whether a service of the host reads the health of its disks."""
    return any(s.entry.name == "scrutiny" for s in plan.on(host.name))


def _device(name: str, disk: Disk) -> Attrs:
    kind = disk.smart
    if kind == "auto" and (disk.device or "").startswith("/dev/disk/by-id/nvme-"):
        kind = "nvme"
    body: Attrs = {"device": f"{LINKS}{name}"}
    # Without a type, smartctl finds it out by the device.
    return body if kind == "auto" else {**body, "type": kind}


def _rule(name: str, device: str) -> str:
    """A link to the whole disk with this name. These rules run after those that make the name."""
    links = f"{device}|* {device}|{device} *|* {device} *"
    return (
        f'SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", ENV{{DEVLINKS}}=="{links}", '
        f'SYMLINK+="homelab/disk-{name}"\n'
    )
