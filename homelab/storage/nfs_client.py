"""Datasets of other hosts, mounted over NFS, and those on a NAS: what waits for their mounts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.disks.model import NFS
from homelab.grouping import grouped
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Module, Nix, Raw, Script, attrs, merge
from homelab.plan import Plan, once
from homelab.services.devices import escaped
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.storage.nfs import Export, by_client
from homelab.system.model import Host

UNIT = "homelab-nfs-mounts"
_FILE = "lib/nfs-mounts.sh"
SHELL = (resources.files("homelab.storage") / "nfs-mounts.sh").read_text(encoding="utf-8")


def mount_unit(path: str) -> str:
    """The unit of a mount point: `systemd-escape --path --suffix=mount`."""
    return f"{escaped(path)}.mount"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`nfs-mounts.nix`, on a host that mounts a dataset of another host, or has one on a NAS."""
    exports = by_client(plan).get(host.name, ())
    own = _own(plan).get(host.name, ())
    shares = {d.name: m for d in own if d.users and (m := _share_of(host, d))}
    if not (exports or shares) or not host.is_nixos:
        return
    here = tuple(d for d in plan.mounted if d.host == host.name)
    needed = dict.fromkeys(sorted([*(d.path for d in here if d.users), *shares.values()]))
    yield Module(
        "nfs-mounts.nix",
        "Datasets of other hosts, mounted over NFS when they are used"
        if exports
        else "Datasets on a NAS: its shares are tried again until it answers",
        derived=merge(
            {"fileSystems": {e.at: _mounted(e) for e in exports}} if exports else {},
            *(u for s in plan.on(host.name) for u in _of_service(s, here)),
            *(u for s in plan.on(host.name) for u in _of_shares(s, shares)),
            _tried_again([*needed]),
        ),
        extra=((_FILE, SHELL),) if needed else (),
    )


@once
def _own(plan: Plan) -> Mapping[str, tuple[Dataset, ...]]:
    """The datasets of each host, without those that it mounts."""
    return grouped(plan.datasets, lambda d: d.host)


def _share_of(host: Host, dataset: Dataset) -> str:
    """Mount point of the share of a NAS that a dataset is on; empty for any other place."""
    found = host.file_system_of(dataset.path) if dataset.host == host.name else None
    return found.mount if found is not None and found.kind == NFS else ""


def _mounted(export: Export) -> Attrs:
    options: list[Nix] = [
        "nfsvers=4.2",
        "_netdev",
        "nofail",
        "noatime",
        "nosuid",
        "nodev",
        "x-systemd.automount",
        "x-systemd.mount-timeout=30s",
        *(["x-systemd.after=tailscaled.service"] if export.way.network == "tailnet" else []),
        # A reader may get an error. A writer that gets one has lost data that it thinks is there.
        *(["ro", "softerr", "timeo=150", "retrans=2"] if export.read_only else ["rw", "hard"]),
    ]
    why = (
        "A read fails after 90 seconds without the server."
        if export.read_only
        else "A program that writes waits for the server, because a timeout would lose data."
    )
    return {
        "device": f"{export.way.callee}:{export.path}",
        "fsType": "nfs4",
        "options": Comment(why, options),
    }


def _of_service(service: Service, here: tuple[Dataset, ...]) -> Iterator[Attrs]:
    if not service.parts:
        used = [d for d in here if d.name in service.datasets.values()]
        runs = service.unit is None or service.unit.schedule is None
        for unit in service.units:
            yield _waits(unit, used, runs=runs)
        for unit in service.entry.helpers:
            yield _waits(unit, used, runs=False)
    for part in service.parts:
        yield _waits(part.unit, [d for d in here if d.name in part.datasets], runs=True)


def _waits(unit: str, used: list[Dataset], *, runs: bool) -> Attrs:
    """A unit that needs the mounts: without them it would fill an empty directory. One that runs
    all the time starts when they come, too.
    """
    if not used:
        return {}
    places = sorted(d.path for d in used)
    paths: list[Nix] = [for_systemd(p) for p in places]
    body: Attrs = {"unitConfig": {"RequiresMountsFor": paths}}
    if runs:
        body["wantedBy"] = [mount_unit(p) for p in places]
    return attrs(f'systemd.services."{unit}"', body)


def _of_shares(service: Service, shares: Mapping[str, str]) -> Iterator[Attrs]:
    """Units that start when the share comes. `storage.nix` has the mounts that they require."""
    parts = [(p.unit, tuple(p.datasets)) for p in service.parts]
    runs = service.unit is None or service.unit.schedule is None
    own = [(unit, tuple(service.datasets.values())) for unit in service.units if runs]
    for unit, used in parts or own:
        places = sorted({shares[name] for name in used if name in shares})
        if places:
            yield attrs(f'systemd.services."{unit}".wantedBy', [mount_unit(p) for p in places])


def _tried_again(places: list[str]) -> Attrs:
    """A unit that mounts what services need once its server answers: systemd tries only once, and
    after a power cut the server may be the last to start.
    """
    if not places:
        return {}
    call = shlex.join(("mounted", *(mount_unit(p) for p in places)))
    unit: Attrs = {
        "description": "Mount datasets whose host was away",
        "script": Script.of(". ", Raw(f"./{_FILE}"), f"\n{call}\n"),
        "serviceConfig": {"Type": "oneshot", **sandbox()},
    }
    timer: Attrs = {
        "description": "Mount datasets whose host was away",
        "wantedBy": ["timers.target"],
        "timerConfig": {"OnBootSec": "2min", "OnUnitInactiveSec": "2min"},
    }
    return {"systemd": {"services": {UNIT: unit}, "timers": {UNIT: timer}}}
