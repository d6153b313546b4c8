"""Datasets of other hosts, mounted over NFS."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.storage.nfs import Export, known_exports
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`nfs-mounts.nix`, on a host that mounts a dataset of another host."""
    exports = [e for e in known_exports(plan.stack) if e.client == host.name]
    if not exports or not host.is_nixos:
        return
    here = tuple(d for d in plan.mounted if d.host == host.name)
    yield Module(
        "nfs-mounts.nix",
        "Datasets of other hosts, mounted over NFS when they are used",
        derived=merge(
            {"fileSystems": {e.at: _mounted(e) for e in exports}},
            *(u for s in plan.on(host.name) for u in _of_service(s, here)),
        ),
    )


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
        for unit in (*service.units, *service.entry.helpers):
            yield _waits(unit, used)
    for part in service.parts:
        yield _waits(part.unit, [d for d in here if d.name in part.datasets])


def _waits(unit: str, used: list[Dataset]) -> Attrs:
    """A unit that needs the mounts: without them it would fill an empty directory."""
    if not used:
        return {}
    paths: list[Nix] = [for_systemd(d.path) for d in sorted(used, key=lambda d: d.path)]
    return attrs(f'systemd.services."{unit}".unitConfig.RequiresMountsFor', paths)
