"""Snapshots and quotas: btrbk on btrfs, sanoid on ZFS, and a unit that prepares each dataset."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.snapshots import SNAPSHOTS, SnapshotKeep
from homelab.disks.waiting import waiting
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import is_home
from homelab.nix import Attrs, Comment, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.services.unit import reported
from homelab.storage.model import Dataset, Snapshots
from homelab.system.model import Host

_PERIODS = {"hourly": "h", "daily": "d", "weekly": "w", "monthly": "m", "yearly": "y"}
"""Periods of a retention, as btrbk writes them."""
SCRIPT = (
    "lib/dataset.sh",
    (resources.files("homelab.storage") / "dataset.sh").read_text(encoding="utf-8"),
)
"""The file of shell functions that prepare a dataset: its name and its text."""
STATE = "homelab/datasets"
"""State directory with the quotas that a host has set."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`snapshots.nix`, on a host with datasets on btrfs or ZFS."""
    here = [d for d in plan.datasets if d.host == host.name and d.fs in SNAPSHOTS]
    if not here or not host.is_nixos:
        return
    failing = reported(plan, host.name)
    yield Module(
        "snapshots.nix",
        "Snapshots and quotas of datasets",
        derived=merge(
            *(attrs(f"systemd.services.{unit_of(d)}", {**_unit(host, d), **failing}) for d in here),
            *(
                _btrbk(host, d, d.snapshots, failing)
                for d in here
                if d.fs == "btrfs" and d.snapshots
            ),
            _sanoid([d for d in here if d.fs == "zfs" and d.snapshots], failing),
        ),
        extra=(SCRIPT,),
    )


def unit_of(dataset: Dataset) -> str:
    """The unit that prepares a dataset for its snapshots and its quota, without its suffix."""
    return f"dataset-{dataset.name}"


def retention(keep: SnapshotKeep) -> str:
    """What btrbk keeps: `24h 14d 8w`."""
    counts = keep.model_dump()
    return " ".join(f"{counts[p]}{letter}" for p, letter in _PERIODS.items() if counts[p])


def subvolume(dataset: Dataset, snapshots: Snapshots, more: Attrs | None = None) -> Attrs:
    """The section of a dataset in btrbk's configuration."""
    return {
        "subvolume": {
            dataset.path: {
                "snapshot_dir": snapshots.directory,
                "snapshot_name": dataset.name,
                **(more or {}),
            }
        }
    }


def settings(dataset: Dataset, snapshots: Snapshots) -> Attrs:
    """Btrbk's settings for the snapshots of a dataset."""
    return {
        # With the offset of the time zone, so the hour that a clock repeats in autumn counts twice.
        "timestamp_format": "long-iso",
        "snapshot_preserve": retention(snapshots.keep),
        "snapshot_preserve_min": "latest",
    }


def waits(host: Host, dataset: Dataset) -> Attrs:
    """Settings of a unit that needs the dataset as its unit has prepared it."""
    unit = f"{unit_of(dataset)}.service"
    return merge(waiting(host, [dataset.waits_for]), {"requires": [unit], "after": [unit]})


def _btrbk(host: Host, dataset: Dataset, snapshots: Snapshots, failing: Attrs) -> Attrs:
    instance: Attrs = {
        "onCalendar": snapshots.every,
        "settings": {**settings(dataset, snapshots), **subvolume(dataset, snapshots)},
    }
    return merge(
        attrs(f"services.btrbk.instances.{dataset.name}", instance),
        attrs(f"systemd.services.btrbk-{dataset.name}", {**waits(host, dataset), **failing}),
    )


def _sanoid(datasets: list[Dataset], failing: Attrs) -> Attrs:
    if not datasets:
        return {}
    units: list[Nix] = [f"{unit_of(d)}.service" for d in datasets]
    kept: Attrs = {
        d.zfs: {"autosnap": True, "autoprune": True, **d.snapshots.keep.model_dump()}
        for d in datasets
        if d.snapshots
    }
    return merge(
        attrs("services.sanoid", {"enable": True, "datasets": kept}),
        attrs("systemd.services.sanoid", {"wants": units, "after": units, **failing}),
    )


def _unit(host: Host, dataset: Dataset) -> Attrs:
    words = [dataset.path]
    calls = ["on_btrfs"] if dataset.fs == "btrfs" else ["dataset_of"]
    if dataset.fs == "zfs":
        words.append(dataset.zfs)
    elif dataset.snapshots or dataset.quota:
        calls = ["subvolume"]
    lines = [[*calls, *words]]
    if dataset.fs == "btrfs" and dataset.snapshots:
        lines.append(["snapshots", dataset.path, dataset.snapshots.directory])
    limited = dataset.zfs or dataset.path
    lines.append([f"limit_{dataset.fs}", dataset.name, limited, str(dataset.quota or 0)])
    script = "".join(f"{shlex.join(line)}\n" for line in lines)
    tools: list[Nix] = [Pkg("util-linux")]
    if dataset.fs == "btrfs":
        tools.append(Pkg("btrfs-progs"))
    left_out = ["capability-bounding-set", "protect-system", "private-devices"]
    if is_home(dataset.path):
        left_out.append("protect-home")
    return {
        "description": f"Prepare the dataset {dataset.name} for snapshots and its quota",
        "wantedBy": ["multi-user.target"],
        "path": tools,
        "script": Script.of(". ", Raw(f"./{SCRIPT[0]}"), f"\n{script}"),
        **waiting(host, [dataset.waits_for]),
        "serviceConfig": {
            **sandbox(*left_out),
            "Type": "oneshot",
            "RemainAfterExit": Comment("A switch restarts it if the dataset changes.", True),
            "StateDirectory": STATE,
            "CapabilityBoundingSet": [
                *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SYS_ADMIN"),
            ],
            "PrivateNetwork": True,
        },
    }
