"""Units that use file systems: they wait for them, and run only while an optional disk is there."""

from __future__ import annotations

from collections.abc import Iterable

from homelab.disks.model import FileSystem
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Nix
from homelab.system.model import Host


def target_of_disk(name: str) -> str:
    """Name of the target that is active while an optional disk is there, without `.target`."""
    return f"disk-{name}"


def directories_of_disk(name: str) -> str:
    """The unit that creates the datasets of an optional disk, without `.service`."""
    return f"disk-{name}-directories"


def optional_at(host: Host, path: str) -> FileSystem | None:
    """The file system of a path, if a disk of it may be absent."""
    found = host.file_system_of(path)
    return found if found is not None and found.optional else None


def waiting(host: Host, paths: Iterable[str]) -> Attrs:
    """What a unit states for the directories that it uses.

    It requires the mounts of all paths on disks that are always there. It does not require that of
    an optional disk: a start, a switch and a boot would fail while the disk is absent. It starts
    only if the disk is there, and stops with it.
    """
    always = [p for p in dict.fromkeys(paths) if optional_at(host, p) is None]
    at_times = [p for p in dict.fromkeys(paths) if p not in always]
    unit: Attrs = {}
    if always:
        # Without its disk, a service would start on an empty directory and fill it.
        unit["RequiresMountsFor"] = [for_systemd(p) for p in always]
    if not at_times:
        return {"unitConfig": unit} if unit else {}
    systems = [f for p in at_times if (f := optional_at(host, p)) is not None]
    disks = sorted({name for f in systems for name in f.optional_disks})
    unit["WantsMountsFor"] = [for_systemd(p) for p in at_times]
    config = host.config.disks
    there: list[Nix] = [device for name in disks if (device := config[name].device) is not None]
    if there:
        unit["ConditionPathExists"] = there
    absent = [f.mount for f in systems if not f.present]
    if absent:
        # Nothing mounts it, so the unit never starts.
        unit["ConditionPathIsMountPoint"] = [for_systemd(m) for m in dict.fromkeys(absent)]
    follows = [name for name in disks if config[name].device is not None]
    body: Attrs = {"unitConfig": unit}
    if follows:
        body["partOf"] = [f"{target_of_disk(name)}.target" for name in follows]
        body["after"] = [f"{directories_of_disk(name)}.service" for name in follows]
    return body
