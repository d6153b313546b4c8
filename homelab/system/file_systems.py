"""File systems of a host: those of the stack config, and those of its hand-written modules, which
are read as text without evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from homelab.nix.source import Setting, read_nix
from homelab.system.model import Host
from homelab.system.own import own_files
from homelab.system.own_flake import system_settings

_NAMED = re.compile(
    r'fileSystems\s*\.\s*"(/[^"]*)"|^\s*"(/[^"]*)"\s*=\s*\{|mountpoint\s*=\s*"(/[^"]*)"',
    re.MULTILINE,
)

_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_ROLLED_BACK = re.compile(
    r"btrfs\s+subvolume\s+(delete|snapshot)|(zfs|bcachefs)\s+(rollback|subvolume\s+snapshot)"
    r"|lvconvert\s+--merge|\bmkfs\b|\bmkfs\.[a-z0-9]+"
)


def mount_settings(host: Host, sources: Mapping[str, str | bytes]) -> Iterator[Setting]:
    """Settings of the host's hand-written modules, and of its file systems in the stack config."""
    yield from system_settings(host, sources)
    for system in host.file_systems:
        if system.present and system.kind:
            at = ("fileSystems", system.mount)
            # A pool of mergerfs is on the disks of its branches.
            yield Setting((*at, "device"), system.what or system.mount, source=system.source)
            yield Setting((*at, "fsType"), system.kind, source=system.source)
            yield Setting((*at, "options"), system.options, source=system.source)
    if host.swap is not None and host.swap.present:
        yield Setting(("swapDevices",), ({"device": host.swap.device},), source=host.swap.source)


def file_systems(host: Host, sources: Mapping[str, str | bytes]) -> set[str]:
    """Mount points that the host's hand-written modules and the stack config name."""
    found = {mount for setting in mount_settings(host, sources) for mount in _mounts(setting)}
    # Also search files that the parser does not accept as Nix.
    for text in own_texts(host, sources):
        if read_nix(text).unread:
            found |= {next(g for g in m.groups() if g) for m in _NAMED.finditer(text)}
    return found


def _mounts(setting: Setting) -> Iterator[str]:
    path, value = setting.path, setting.value
    if path[0] == "fileSystems" and len(path) > 1 and path[1].startswith("/"):
        yield path[1]
    elif path[:3] == ("disko", "devices", "nodev") and len(path) > 3:
        yield path[3]
    elif path[0] == "disko" and path[-1] == "mountpoint" and isinstance(value, str):
        yield value


def own_texts(host: Host, sources: Mapping[str, str | bytes]) -> Iterator[str]:
    """The text of every hand-written file that the host names, without comment lines."""
    for text in own_files(host, sources).values():
        if isinstance(text, str):
            yield _COMMENT.sub("", text)


def root_type(host: Host, sources: Mapping[str, str | bytes]) -> str:
    """`fsType` of the root file system; empty if neither the hand-written modules nor the stack
    config sets it.
    """
    return fs_type(host, sources, "/")


def fs_type(host: Host, sources: Mapping[str, str | bytes], mount: str) -> str:
    """`fsType` of the file system at a mount point; empty where neither the host's own modules nor
    the stack config says. With disko, the format of the partition or volume that is mounted there.
    """
    places = (("fileSystems", mount, "fsType"), ("disko", "devices", "nodev", mount, "fsType"))
    settings = [*mount_settings(host, sources)]
    at = {
        (*s.path[:-1], "format")
        for s in settings
        if s.path[0] == "disko" and s.path[-1] == "mountpoint" and s.value == mount
    }
    for setting in settings:
        if (setting.path in places or setting.path in at) and isinstance(setting.value, str):
            return setting.value
    return ""


def subvolumes(host: Host, sources: Mapping[str, str | bytes]) -> dict[str, tuple[str, str]]:
    """The file system and the subvolume of each mount point, of those that say both; the subvolume
    is empty at the top of a file system. Neither the hand-written modules nor the stack config may
    compute them.
    """
    devices: dict[str, str] = {}
    named: dict[str, str | None] = {}
    found: dict[str, tuple[str, str]] = {}
    for setting in mount_settings(host, sources):
        path, value = setting.path, setting.value
        if path[0] == "fileSystems" and len(path) == 3 and path[1].startswith("/"):
            if path[2] == "device" and isinstance(value, str):
                devices[path[1]] = value
            elif path[2] == "options":
                named[path[1]] = _subvolume(value)
        elif path[0] == "disko" and path[-1] == "mountpoint" and isinstance(value, str):
            # disko.devices.disk.NAME.content.partitions.NAME.content.subvolumes.NAME.mountpoint
            below = path[-3] == "subvolumes"
            top = ".".join(path[: -3 if below else -1])
            found[value] = (top, path[-2].strip("/") if below else "")
    for mount, device in devices.items():
        subvolume = named.get(mount, "")
        if subvolume is not None:
            found[mount] = (device, subvolume)
    return found


def _subvolume(options: object) -> str | None:
    """The subvolume in mount options; None if they are computed."""
    if not isinstance(options, tuple) or not all(isinstance(o, str) for o in options):
        return None
    chosen = [o.removeprefix("subvol=") for o in _words(options) if o.startswith("subvol=")]
    return chosen[-1].strip("/") if chosen else ""


def _words(options: object) -> list[str]:
    """Mount options, one by one: a text may have several."""
    stated = options if isinstance(options, tuple) else ()
    return [word for o in stated if isinstance(o, str) for word in o.split(",")]


def numbered(host: Host, sources: Mapping[str, str | bytes]) -> set[str]:
    """Mount points whose options choose a subvolume by its number (`subvolid=`). The top of a file
    system, which has a fixed number, counts for the root only.
    """
    found = set()
    for setting in mount_settings(host, sources):
        path = setting.path
        if path[0] == "fileSystems" and len(path) == 3 and path[2] == "options":
            tops = () if path[1] == "/" else ("subvolid=5", "subvolid=0")
            if any(w.startswith("subvolid=") and w not in tops for w in _words(setting.value)):
                found.add(path[1])
    return found


def is_rolled_back(host: Host, sources: Mapping[str, str | bytes]) -> bool:
    """Whether a hand-written module empties the root at each boot, by a snapshot or a new file
    system.
    """
    return any(_ROLLED_BACK.search(text) for text in own_texts(host, sources))


@lru_cache(maxsize=8192)
def is_within(path: str, top: str) -> bool:
    """Whether a path is the directory `top` or lies below it."""
    return PurePosixPath(path).is_relative_to(top)
