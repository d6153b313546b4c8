"""What would keep a root of btrfs from being replaced at each boot, or lose more than the root."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from homelab.problems import Problem
from homelab.system.file_systems import (
    file_systems,
    is_within,
    numbered,
    root_type,
    subvolumes,
)
from homelab.system.model import Host


def blank_root_problems(
    host: Host, blank: str, sources: Mapping[str, str | bytes]
) -> Iterator[Problem]:
    """The problems of a host whose root is a snapshot of `blank`. What the host's own modules
    compute is left to the assertions of `blank-root.nix`.
    """
    where = f"{host.source}.persistence.blank"
    kind = root_type(host, sources)
    if kind and kind != "btrfs":
        yield Problem(
            where,
            f"the root of {host.name} is {kind}, and only btrfs has subvolumes",
            "leave blank out"
            if kind in ("tmpfs", "ramfs")
            else f"leave persistence out, or install {host.name} again with a root on btrfs",
        )
        return
    found = subvolumes(host, sources)
    device, root = found.get("/", ("", blank + "-"))
    if not root:
        yield Problem(
            where,
            f"the root of {host.name} is the top of its file system, which cannot be put aside",
            'mount a subvolume as the root: subvolume: "@root" in file_systems, or '
            f'fileSystems."/".options = [ "subvol=@root" ] in {host.config.hardware}',
        )
        return
    old = f"{root}-old"
    if any(_within(blank, place) for place in (root, old)) or _within(root, blank):
        yield Problem(
            where,
            f"the subvolume {blank} is not beside the root, which is {root}, and {old}",
            f"write a subvolume at the top that nothing mounts: {root}-blank",
        )
    for mount, (other, subvolume) in sorted(found.items()):
        if mount == "/" or not _may_be(other, device):
            continue
        if _within(subvolume, root) or _within(subvolume, old):
            yield Problem(
                where,
                f"{mount} is the subvolume {subvolume}, which would be put aside with the root"
                + ("" if other == device else f", if {other} and {device} are one file system"),
                "move it to the top on the host (mv), and mount it from there: options = "
                f'[ "subvol={subvolume.rpartition("/")[2]}" ]',
            )
        elif _within(subvolume, blank):
            yield Problem(
                where,
                f"{mount} mounts {subvolume}, so {blank} would not stay blank",
                "name another subvolume as blank, which nothing mounts",
            )
    for mount in sorted(numbered(host, sources)):
        if mount == "/" or _may_be(found.get(mount, (device, ""))[0], device):
            yield Problem(
                where,
                f"{mount} is mounted by subvolid=, which does not say whether it is in the root",
                "write subvol= with its path, as `btrfs subvolume list /` shows it",
            )
    mounts = file_systems(host, sources)
    swap = host.config.swap
    if swap is not None and swap.file:
        holder = max((m for m in mounts if is_within(swap.file, m)), key=len, default="/")
        if holder == "/":
            yield Problem(
                f"{host.source}.swap.file",
                f"{swap.file} is on the root, so each boot would leave one among the old roots",
                "write a file on another mount, such as /persist/swap, or a partition",
            )
    lost = [] if mounts & {"/nix", "/nix/store"} else ["/nix"]
    if host.config.boot.loader in ("grub", "extlinux") and "/boot" not in mounts:
        lost.append("/boot")
    for path in lost:
        yield Problem(
            where,
            f"{path} is on the root of {host.name}, which would not start a second time",
            f'mount a subvolume or partition of its own there: fileSystems."{path}" in '
            f"{host.config.hardware}, or file_systems",
        )


def _may_be(device: str, root: str) -> bool:
    """Whether two names may be of one file system: the same, or of different kinds, such as a label
    and a UUID.
    """
    return device == root or posixpath.dirname(device) != posixpath.dirname(root)


def _within(path: str, top: str) -> bool:
    return bool(path) and is_within(path, top)
