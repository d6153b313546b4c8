"""The machine that NixOS is to be installed on, as `look.sh` describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.plaintext import UnreadableError, json_data, mapping
from homelab.problems import HomelabError
from homelab.system.records import PLATFORMS, last_texts, os_release, read_records

MOUNTED = "/mnt"
"""Where the new system's file systems are mounted on the target."""


@dataclass(frozen=True)
class TargetDisk:
    """A disk of the target."""

    path: str
    """Its device: /dev/nvme0n1."""
    size: int
    """Bytes."""
    model: str
    serial: str
    links: tuple[str, ...]
    """Its names in /dev/disk/by-id, by-path and so on."""
    holds: tuple[str, ...]
    """What is on it now: `ext4 "root" on /dev/sda2`."""
    mounts: tuple[str, ...]
    """Where something on it is mounted, or `[SWAP]`, besides the new system's file systems."""
    read_only: bool = False


@dataclass(frozen=True)
class Target:
    """What was found on the target."""

    platform: str
    """`x86_64-linux`; empty for another machine."""
    system: str
    """Its operating system, for people."""
    is_installer: bool
    is_root: bool
    is_efi: bool
    """Whether it was started by UEFI firmware."""
    memory: int
    """Bytes."""
    release: str
    """Release of homelab that it runs; empty for none."""
    host_name: str
    programs: frozenset[str]
    """Those of `look.sh`'s list that it has."""
    disks: tuple[TargetDisk, ...]
    done: Mapping[str, str]
    """Steps that an earlier run has finished since the target was started, each with its mark."""


def read_target(name: str, output: str) -> Target:
    """Parse the output of `look.sh`. Raises HomelabError for a damaged report."""
    values = last_texts(read_records(name, output))
    system = os_release(values.get("os-release", ""))
    by_device: dict[str, list[str]] = {}
    for line in values.get("links", "").splitlines():
        link, _, device = line.partition(" ")
        by_device.setdefault(device, []).append(link)
    memory = re.search(r"^MemTotal:\s+([0-9]+) kB$", values.get("memory", ""), re.MULTILINE)
    steps = (line.partition(" ") for line in values.get("done", "").splitlines())
    return Target(
        platform=PLATFORMS.get(values.get("machine", ""), ""),
        system=system.get("PRETTY_NAME") or system.get("ID") or "an unknown system",
        is_installer=system.get("ID") == "nixos" and system.get("VARIANT_ID") == "installer",
        is_root=values.get("user", "") == "0",
        is_efi=values.get("efi") == "yes",
        memory=int(memory[1]) * 1024 if memory else 0,
        release=values.get("release", ""),
        host_name=values.get("host-name", ""),
        programs=frozenset(values.get("programs", "").split()),
        disks=tuple(_disks(name, values.get("disks", ""), by_device)),
        done={step: mark for step, _, mark in steps},
    )


def _disks(name: str, text: str, links: Mapping[str, list[str]]) -> Iterator[TargetDisk]:
    try:
        listed = mapping(json_data(text)).get("blockdevices")
    except UnreadableError:
        listed = None
    if not isinstance(listed, list):
        raise HomelabError(
            f"{name}: lsblk does not list its disks as JSON; start the machine from a NixOS "
            "installer, which has a newer one"
        )
    for entry in listed:
        disk = mapping(entry)
        if disk.get("type") != "disk" or _number(disk.get("size")) == 0:
            continue
        path = _text(disk.get("path")) or f"/dev/{_text(disk.get('name'))}"
        parts = [*_below(disk)]
        yield TargetDisk(
            path=path,
            size=_number(disk.get("size")),
            model=_text(disk.get("model")),
            serial=_text(disk.get("serial")),
            links=tuple(sorted(links.get(path, ()))),
            holds=tuple(dict.fromkeys(_held(part) for part in parts if _text(part.get("fstype")))),
            mounts=tuple(sorted({m for part in parts for m in _mounts(part)})),
            read_only=_text(disk.get("ro")) in {"1", "True"},
        )


def _below(device: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The device and everything on it: partitions, LUKS, LVM, RAID."""
    yield device
    children = device.get("children")
    for child in children if isinstance(children, list) else ():
        yield from _below(mapping(child))


def _held(part: Mapping[str, object]) -> str:
    label = _text(part.get("label"))
    named = f' "{label}"' if label else ""
    return f"{_text(part.get('fstype'))}{named} on {_text(part.get('path'))}"


def _mounts(part: Mapping[str, object]) -> Iterator[str]:
    point = _text(part.get("mountpoint"))
    if point and point != MOUNTED and not point.startswith(f"{MOUNTED}/"):
        yield point


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def _number(value: object) -> int:
    text = _text(value)
    return int(text) if text.isdigit() else 0
