"""Checks of the disks that hold datasets and backup targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import check, file_check
from homelab.disks.model import NETWORK, NFS
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.storage.model import Dataset
from homelab.system.devices import mount_at
from homelab.system.file_systems import file_systems, fs_type, is_within, own_texts
from homelab.system.model import Host
from homelab.system.own import are_modules_here

DATASET_MOUNTED = file_check(
    "dataset-mounted",
    "warning",
    "A mount point that no module mounts is never waited for, and what should be on its disk "
    "fills the root.",
)
TARGET_MOUNTED = file_check(
    "target-mounted",
    "warning",
    "Backups for a disk that no module mounts fill the root disk, and are lost with it.",
)
DATASET_REMOTE = file_check(
    "dataset-remote",
    "error",
    "homelab sets the owner and mode of a dataset. On a NAS that would change them for every other "
    "client, or fail.",
)


@check("dataset-below-mount")
def dataset_below_mount(plan: Plan) -> Iterator[Problem]:
    """A service that waits for the wrong disk may start on an empty directory and fill it."""
    for dataset in plan.datasets:
        if not is_within(dataset.path, dataset.mount):
            yield Problem(
                f"{dataset.source}.mount",
                f"{dataset.path} is not below {dataset.mount}",
                "write the mount point of its disk (findmnt -T PATH shows it), "
                f"or correct {dataset.source}.path",
            )


def check_mounts(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Mount points of datasets that no module mounts. Warnings only, because ZFS mounts its file
    systems itself, and modules of flakes are not read.
    """
    for dataset in plan.datasets:
        host = plan.hosts.get(dataset.host)
        if host is not None:
            yield from _remote(host, dataset, sources)
        stated = plan.stack.datasets[dataset.name].mount is not None
        # Another check reports a missing file, and a planned host has none yet.
        if not stated or host is None or not are_modules_here(host, sources):
            continue
        if not _is_mounted(plan, host, dataset, sources):
            known = sorted(file_systems(host, sources) - {"/"})
            yield Problem(
                f"{dataset.source}.mount",
                f"no module of {host.name} mounts {dataset.mount}",
                did_you_mean(dataset.mount, known, "mounts") + f"; or add "
                f'fileSystems."{dataset.mount}" to {host.config.hardware}, or leave mount out '
                "if it has no disk of its own",
                check=DATASET_MOUNTED,
                severity="warning",
            )


def check_targets(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Backup targets on a disk that no module mounts: backups would go to the root disk."""
    for name, target in sorted(plan.stack.backup.targets.items()):
        host = plan.hosts.get(target.host or "")
        if host is None or not are_modules_here(host, sources):
            continue
        known = {m.rstrip("/") for m in file_systems(host, sources)} - {""}
        place = target.path.rstrip("/")
        if below(place, ("/mnt", "/media", "/run/media")) and not below(place, tuple(known)):
            yield Problem(
                f"backup.targets.{name}.path",
                f"no module of {host.name} mounts a disk for {target.path}, so backups go to its "
                "root disk",
                f'add fileSystems."{place.rpartition("/")[0] or place}" to {host.config.hardware}, '
                "or name a directory elsewhere if you mean the root disk",
                check=TARGET_MOUNTED,
                severity="warning",
            )


def _is_mounted(
    plan: Plan, host: Host, dataset: Dataset, sources: Mapping[str, str | bytes]
) -> bool:
    """Whether a module or option has the mount point in quotes; a function may use it."""
    if dataset.mount == "/" or any(f.mount == dataset.mount for f in host.file_systems):
        return True
    name = f'"{dataset.mount.rstrip("/")}"'
    lines = [
        line
        for text in own_texts(host, sources)
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
    ]
    options = [option for service in plan.on(host.name) for option in service.config.options]
    return any(name in text for text in (*lines, *options))


def _remote(host: Host, dataset: Dataset, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """A dataset on a NAS that a module of the host mounts, without `fs` in the stack."""
    mount = mount_at(dict.fromkeys(file_systems(host, sources), ""), dataset.path)
    kind = fs_type(host, sources, mount) if mount else ""
    if kind not in NETWORK or dataset.is_remote:
        return
    known = next((k for k in ("cifs", "sshfs") if k in kind or (k, kind) == ("cifs", "smb3")), NFS)
    yield Problem(
        f"{dataset.source}.fs",
        f"{mount} is a file system of another machine ({kind}), and homelab would make "
        f"{dataset.path} there {dataset.owner}:{dataset.group} with mode {dataset.mode}",
        f"write fs: {known}: owners and modes then stay those of that machine",
        check=DATASET_REMOTE,
    )
