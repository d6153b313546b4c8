"""Replicas of ZFS datasets: syncoid sends them, raw and without a snapshot of its own.

nixpkgs' `services.syncoid` is not used: it has one time for all its commands, and its account and
its key are given in another way from release to release.
"""

from __future__ import annotations

import shlex
from importlib import resources

from homelab.hardening.baseline import sandbox
from homelab.nix import Attrs, Comment, Nix, Pkg, Raw, Script, Text, attrs, merge
from homelab.storage import snapshots
from homelab.storage.model import SENDER, Replica
from homelab.system.model import Host

SCRIPT = (
    "lib/replicate.sh",
    (resources.files("homelab.storage") / "replicate.sh").read_text(encoding="utf-8"),
)
"""The file of what root does before and after a transfer: its name and its text."""
WAITS: Attrs = {"after": ["zfs.target"], "wants": ["zfs.target"]}
"""Settings of a unit that needs the pools of its host."""


def sender(host: Host, replica: Replica, when: str, key: str, more: Attrs) -> Attrs:
    """The account and the unit that send a replica, with further settings of the unit."""
    dataset = replica.dataset
    target = f"{replica.login}@{replica.address}:{replica.place}"
    words = [
        "--no-sync-snap",
        "--no-rollback",
        "--no-privilege-elevation",
        "--compress=none",
        "--sendoptions=w",
        "--recvoptions=u",
        f"--sshkey={key}",
        f"--sshport={replica.port}",
        "--sshoption=IdentitiesOnly=yes",
        "--sshoption=BatchMode=yes",
        dataset.zfs,
        target,
    ]
    around = [dataset.zfs, replica.prefix, SENDER]
    unit: Attrs = {
        "description": f"Send the ZFS dataset {dataset.zfs} to {replica.host}",
        "startAt": when,
        "path": [Comment("zfs that fits the kernel's module.", "/run/booted-system/sw")],
        "script": Script.of("exec ", Pkg("sanoid"), f"/bin/syncoid {shlex.join(words)}\n"),
    }
    return merge(
        attrs(f"users.users.{SENDER}", {"isSystemUser": True, "group": SENDER}),
        attrs(f"users.groups.{SENDER}", {}),
        attrs(
            f"systemd.services.{replica.unit}",
            merge(
                unit,
                snapshots.waits(host, dataset),
                {"after": ["zfs.target"]},
                more,
                {
                    "serviceConfig": {
                        **sandbox("private-devices"),
                        "Type": "oneshot",
                        "User": SENDER,
                        "DeviceAllow": "/dev/zfs rw",
                        "ExecStartPre": _as_root("begin", around),
                        "ExecStopPost": _as_root("end", around),
                    }
                },
            ),
        ),
    )


def _as_root(action: str, words: list[str]) -> Nix:
    """A command of the unit that runs as root, outside its sandbox. The words have no character
    that systemd or a shell reads.
    """
    return Text.of(
        *("+", Pkg("bash"), "/bin/bash ", Raw(f"./{SCRIPT[0]}")), f" {' '.join((action, *words))}"
    )


def received(host: Host, replicas: list[Replica]) -> Attrs:
    """On a host that receives: its pools, and the retention. sanoid deletes snapshots there and
    makes none.
    """
    if not replicas:
        return {}
    kept: Attrs = {
        r.place: {"autosnap": False, "autoprune": True, **r.keep.model_dump()} for r in replicas
    }
    mounted = {f.pool for f in host.file_systems if f.present}
    pools: list[Nix] = [*sorted({r.place.partition("/")[0] for r in replicas} - mounted)]
    return merge(
        attrs("services.sanoid", {"enable": True, "datasets": kept}),
        attrs(
            "boot",
            {
                "supportedFilesystems": ["zfs"],
                "zfs": {"extraPools": Comment("Nothing else of the stack mounts them.", pools)},
            },
        )
        if pools
        else {},
    )
