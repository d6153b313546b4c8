"""`disks.nix`: the file systems, encrypted volumes, pools and swap of a host."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.disks.model import FileSystem
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(_plan: Plan, host: Host) -> Iterator[Module]:
    """`disks.nix`, on a host whose file systems are in the stack config."""
    mounted = tuple(f for f in host.file_systems if f.present and f.what)
    body = merge(
        {"fileSystems": {f.mount: _mounted(f) for f in mounted}} if mounted else {},
        *_volumes(mounted),
        _scrubbed(mounted),
        {"environment": {"systemPackages": [Pkg("mergerfs")]}}
        if any(f.branches for f in mounted)
        else {},
        _swap(host),
    )
    if body:
        yield Module(
            "disks.nix", "File systems and swap. Nothing here formats a disk", derived=body
        )


def _mounted(system: FileSystem) -> Attrs:
    body: Attrs = {"device": system.what, "fsType": system.kind}
    if system.options:
        body["options"] = [*system.options]
    if system.early:
        body["neededForBoot"] = True
    return body


def _volumes(mounted: tuple[FileSystem, ...]) -> Iterator[Attrs]:
    """LUKS: in the initrd, or after the root is mounted if a file has the key."""
    locked = {f.volume: f for f in reversed(mounted) if f.encryption is not None}
    late: list[str] = []
    for name, system in sorted(locked.items()):
        assert system.encryption is not None
        discard = system.encryption.discard
        if system.encryption.key_file is not None:
            words = ("luks", "nofail", *(("discard",) if discard else ()))
            late.append(
                f"{name} {system.partition} {system.encryption.key_file} {','.join(words)}\n"
            )
            continue
        volume: Attrs = {"device": system.partition}
        if discard:
            volume["allowDiscards"] = True
        if system.encryption.tpm:
            volume["crypttabExtraOpts"] = ["tpm2-device=auto"]
            yield attrs("boot.initrd.systemd.enable", True)
        yield attrs("boot.initrd.luks.devices", {name: volume})
    if late:
        yield attrs("environment.etc.crypttab.text", Lines("".join(late)))


def _scrubbed(mounted: tuple[FileSystem, ...]) -> Attrs:
    """Monthly scrubs: a checksum that is wrong is found while another copy is still good."""
    tops: dict[str, str] = {}
    for system in mounted:
        if system.kind == "btrfs" and not system.optional:
            tops.setdefault(system.what, system.mount)
    places: list[Nix] = [*sorted(tops.values())]
    return merge(
        attrs("services.btrfs.autoScrub", {"enable": True, "fileSystems": places})
        if places
        else {},
        attrs("services.zfs.autoScrub.enable", True)
        if any(f.kind == "zfs" for f in mounted)
        else {},
    )


def _swap(host: Host) -> Attrs:
    swap = host.swap
    if swap is None or not swap.present or not swap.device:
        return {}
    body: Attrs = {"device": swap.device}
    if swap.mib:
        body["size"] = Comment("MiB. The host creates the file.", swap.mib)
    return {"swapDevices": [body]}
