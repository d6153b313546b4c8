"""Datasets in NixOS: directories by tmpfiles, and units that wait for their disks."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.disks.waiting import optional_at, waiting
from homelab.hardening.paths import for_tmpfiles
from homelab.nix import Attrs, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.system.model import Host

NIXOS_GROUPS = frozenset({"root", "users", "wheel"})
"""Groups that every NixOS has."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`storage.nix`, on a host that holds a dataset."""
    here = tuple(d for d in plan.datasets if d.host == host.name)
    if not here:
        return
    directories: Attrs = {
        for_tmpfiles(path): {"d": {"user": owner, "group": d.group, "mode": mode}}
        for d in here
        # A disk that may be absent has a unit that creates its directories. A NAS has its own
        # owners: root of the host may not change them, or would take the files from other clients.
        if optional_at(host, d.path) is None and not d.is_remote
        for path, owner, mode in ((d.path, d.owner, d.mode), *d.dirs)
    }
    numbers = {d.group: d.gid for d in here if d.gid is not None}
    groups: Attrs = {
        d.group: {"gid": numbers[d.group]} if d.group in numbers else {}
        for d in here
        if d.group not in NIXOS_GROUPS
    }
    yield Module(
        file="storage.nix",
        what="Datasets: named directories, and the services that need them.",
        derived=merge(
            attrs('systemd.tmpfiles.settings."10-datasets"', directories) if directories else {},
            attrs("users.groups", groups) if groups else {},
            *(u for s in plan.on(host.name) for u in _of_service(host, s, here)),
        ),
    )


def _of_service(host: Host, service: Service, here: tuple[Dataset, ...]) -> Iterator[Attrs]:
    if not service.parts:
        used = tuple(d for d in here if d.name in service.datasets.values())
        groups: list[Nix] = [*sorted({d.group for d in used} - {"root"})]
        # Helper units that set up or clean the data need the disk too.
        yield _units(host, service, (*service.units, *service.entry.helpers), used, groups)
    for part in service.parts:
        # The image sets the user of a container. Groups of its unit would apply to Podman only.
        yield _units(
            host, service, (part.unit,), tuple(d for d in here if d.name in part.datasets), []
        )


def _units(
    host: Host,
    service: Service,
    units: tuple[str, ...],
    used: tuple[Dataset, ...],
    groups: list[Nix],
) -> Attrs:
    """Settings of units that use datasets: mounts to wait for, and groups."""
    if not used:
        return {}
    waits = waiting(host, sorted({d.waits_for for d in used}))
    if groups:
        waits["serviceConfig"] = {"SupplementaryGroups": groups}
    entry = service.entry
    # Workers switch to the user themselves and get the user's groups.
    extra = attrs(f"users.users.{entry.user}.extraGroups", groups) if entry.switches_user else {}
    return merge(
        extra if groups else {},
        *(attrs(f'systemd.services."{unit}"', waits) for unit in units if waits),
    )
