"""The disks of a host as a table: device, model, serial number, and what is on each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from homelab.config.disks import Disk
from homelab.config.pools import ZfsPool
from homelab.system.model import Host

_BUS = re.compile(r"/dev/disk/by-id/(?:ata|nvme|scsi|usb|mmc|virtio|wwn|dm)-(.+)")


@dataclass(frozen=True)
class DiskRow:
    """A disk, and what the stack config puts on it."""

    name: str
    device: str
    model: str
    serial: str
    size: str
    notes: tuple[str, ...]
    """Properties that differ from the default."""
    uses: tuple[str, ...]
    """File systems, pools and swap on it."""


def rows(host: Host) -> list[DiskRow]:
    """The disks of a host, by name."""
    return [_row(host, name, disk) for name, disk in sorted(host.config.disks.items())]


def _row(host: Host, name: str, disk: Disk) -> DiskRow:
    model, serial = identity(disk.device or "")
    notes = [
        *(["absent: no device"] if disk.device is None else []),
        *(["optional"] if disk.optional else []),
        *([f"SMART: {disk.smart}"] if disk.smart != "auto" else []),
    ]
    uses = tuple(_uses(host, name))
    return DiskRow(name, disk.device or "", model, serial, disk.size or "", tuple(notes), uses)


def identity(device: str) -> tuple[str, str]:
    """Model and serial number in a name by-id; the serial number is after the last underscore.
    Empty texts if the name has neither, as one by-path.
    """
    found = _BUS.fullmatch(device)
    if found is None:
        return "", ""
    text = re.sub(r"-[0-9]+:[0-9]+$", "", found[1])
    model, _, serial = text.rpartition("_")
    return (model.replace("_", " "), serial) if model else ("", serial)


def _uses(host: Host, name: str) -> Iterator[str]:
    for system in host.file_systems:
        if system.disk == name:
            locked = ", encrypted" if system.encryption is not None else ""
            below = f", subvolume {system.subvolume}" if system.subvolume else ""
            where = system.partition or "no partition"
            yield f"{system.mount}: {system.kind}{below}{locked} on {where}"
    for pool, config in sorted(host.config.pools.items()):
        if isinstance(config, ZfsPool) and name in config.disks:
            yield f"pool {pool}: zfs, {config.layout}"
    swap = host.config.swap
    if swap is not None and swap.disk == name and host.swap is not None:
        yield f"swap on {host.swap.device or 'no partition'}"


def as_text(host: Host) -> str:
    """The table as text, one disk after the other."""
    lines: list[str] = []
    for row in rows(host):
        about = [f"model {row.model}"] if row.model else []
        about += [f"serial {row.serial}"] if row.serial else []
        about += [row.size] if row.size else []
        lines.append(f"{row.name}: {', '.join([*about, *row.notes]) or 'no model in its name'}")
        lines += [f"  {line}" for line in (row.device, *row.uses) if line]
    others = [f for f in host.file_systems if not f.disk]
    lines += [f"{f.mount}: {f.kind}, {f.what}" for f in others]
    return "\n".join(lines or [f"hosts.{host.name} has no disks in the stack"]) + "\n"


def as_data(host: Host) -> list[dict[str, object]]:
    """The table as plain data."""
    return [asdict(row) for row in rows(host)]
