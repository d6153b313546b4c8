"""Whether NixOS may be installed on a machine, and what is erased there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.config.disks import in_bytes
from homelab.disks.disko import layout_disks
from homelab.disks.listing import identity
from homelab.install.target import Target, TargetDisk
from homelab.problems import UsageError, did_you_mean
from homelab.system.model import Host

_TOLERANCE = 0.08
"""How much a size as it is sold may differ from the real one."""


@dataclass(frozen=True)
class Erased:
    """A disk of the stack, and the one of the target that it is."""

    name: str
    device: str
    """As the stack names it, by-id."""
    disk: TargetDisk


@dataclass(frozen=True)
class Decision:
    """What the installation erases, and what it leaves alone."""

    host: str
    target: Target
    erased: tuple[Erased, ...]
    others: tuple[TargetDisk, ...]
    needs_kexec: bool

    @property
    def mark(self) -> str:
        """The disks that are erased, as one text: the same for the same disks."""
        return " ".join(f"{e.device}={e.disk.serial or e.disk.size}" for e in self.erased)


def decide(host: Host, target: Target, *, kexec: bool = False, reinstall: bool = False) -> Decision:
    """The disks that an installation erases. Raises UsageError with everything that forbids it.

    `kexec`: the target is to start an installer first. `reinstall`: it may run a release of homelab
    already, and the stack may call it live.
    """
    erased = tuple(_erased(host, target))
    needs_kexec = not target.is_installer
    problems = [*_machine(host, target, kexec=kexec, reinstall=reinstall)]
    problems += [*_unfound(host, target)]
    for one in erased:
        problems += _unfit(host, one, target)
    problems += _same(erased)
    if problems:
        raise UsageError("\n".join(problems))
    chosen = {one.disk.path for one in erased}
    others = tuple(d for d in target.disks if d.path not in chosen)
    return Decision(host.name, target, erased, others, needs_kexec)


def as_text(decision: Decision) -> str:
    """The disks for a person: what is erased, and what stays."""
    lines = [f"{decision.host}: installing NixOS ERASES"]
    for one in decision.erased:
        lines.append(f"  {one.name}: {_described(one.disk)}")
        lines.append(f"    {one.device}")
        lines += [f"    has {held}" for held in one.disk.holds] or ["    has no file system"]
    lines += [f"  untouched: {_described(d)}" for d in decision.others]
    return "\n".join(lines) + "\n"


def size_text(size: int) -> str:
    """A size as disks are sold: `2.0 TB`."""
    return f"{size / 1e12:.1f} TB" if size >= 10**12 else f"{size / 1e9:.1f} GB"


def _described(disk: TargetDisk) -> str:
    about = [disk.path, size_text(disk.size)]
    about += [f"model {disk.model}"] if disk.model else []
    about += [f"serial {disk.serial}"] if disk.serial else []
    return ", ".join(about)


def _erased(host: Host, target: Target) -> Iterator[Erased]:
    for name, device in layout_disks(host):
        found = next((d for d in target.disks if device in d.links), None)
        if found is not None:
            yield Erased(name, device, found)


def _machine(host: Host, target: Target, *, kexec: bool, reinstall: bool) -> Iterator[str]:
    if target.platform != host.config.platform:
        yield (
            f"hosts.{host.name}.platform is {host.config.platform}, and this machine is "
            f"{target.platform or 'another one'}; correct the platform, or name the right machine"
        )
    if not target.is_root:
        yield f"{host.name}: root is needed; name root@…, or a user with sudo without a password"
    if target.release and not reinstall:
        yield (
            f"{target.host_name or host.name} runs release {target.release} of homelab already; "
            "pulumi up brings it up to date. To erase it and install it again: --reinstall"
        )
    if not target.is_installer and not kexec:
        yield (
            f"{host.name} runs {target.system}, not an installer; start it from a NixOS installer, "
            "or let it start one: --kexec FILE"
        )
    loader = host.config.boot.loader
    if loader == "systemd-boot" and not target.is_efi:
        yield (
            f"{host.name} was not started by UEFI, which systemd-boot needs; enable UEFI in its "
            f"firmware, or write hosts.{host.name}.boot: {{loader: grub, device: …}}"
        )
    if "lsblk" not in target.programs:
        yield f"{host.name}: it has no lsblk; install util-linux there"


def _unfound(host: Host, target: Target) -> Iterator[str]:
    there = [link for d in target.disks for link in d.links if link.startswith("/dev/disk/by-id/")]
    for name, device in layout_disks(host):
        if not any(device in d.links for d in target.disks):
            way_out = (
                did_you_mean(device, there, "disks")
                if there
                else "name it by-path: ls -l /dev/disk/by-path"
            )
            yield f"hosts.{host.name}.disks.{name}: this machine has no {device}; {way_out}"


def _unfit(host: Host, one: Erased, target: Target) -> Iterator[str]:
    where = f"hosts.{host.name}.disks.{one.name}"
    stated = host.config.disks[one.name].size
    if stated is not None and abs(in_bytes(stated) / one.disk.size - 1) > _TOLERANCE:
        yield (
            f"{where}.size is {stated}, and {one.disk.path} has {size_text(one.disk.size)}; "
            "is it the right disk? correct the size or the device"
        )
    _, serial = identity(one.device)
    known = one.disk.serial.replace(" ", "_")
    by_serial = not one.device.startswith("/dev/disk/by-id/wwn-")
    if serial and known and by_serial and known not in one.device and serial not in known:
        yield (
            f"{where} names the serial number {serial}, and {one.disk.path} has {one.disk.serial}; "
            "correct the device"
        )
    if one.disk.read_only:
        yield f"{where}: {one.disk.path} is read-only; name another disk"
    if one.disk.mounts and target.is_installer:
        yield (
            f"{where}: {', '.join(one.disk.mounts)} of the running system is on {one.disk.path}; "
            "unmount it, or name another disk if this is the installer's own"
        )


def _same(erased: tuple[Erased, ...]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for one in erased:
        if (other := seen.setdefault(one.disk.path, one.name)) != one.name:
            yield f"the disks {other} and {one.name} are both {one.disk.path}; name each disk once"
