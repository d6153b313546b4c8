"""Datasets as folders of Syncthing, in the settings of nixpkgs' module."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.syncing import Syncing
from homelab.disks.waiting import optional_at, waiting
from homelab.nix import Attrs, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.storage.model import SYNCTHING, Dataset, is_syncthing
from homelab.system.model import Host

_DAY = 86_400
_TYPES = {"both": "sendreceive", "send": "sendonly", "receive": "receiveonly"}


def synced(plan: Plan, host: str) -> tuple[tuple[Dataset, Syncing], ...]:
    """The datasets of a host that Syncthing keeps in step."""
    configs = ((d, plan.stack.datasets[d.name].syncthing) for d in plan.datasets if d.host == host)
    return tuple((dataset, config) for dataset, config in configs if config is not None)


def groups_of(found: tuple[tuple[Dataset, Syncing], ...]) -> set[str]:
    """Groups whose datasets Syncthing opens. That of root is not given away."""
    return {dataset.group for dataset, _ in found} - {"root"}


def lacks_access(dataset: Dataset, config: Syncing, user: str, groups: set[str]) -> str:
    """What Syncthing may not do in a dataset, by its owner and mode: read or write; empty if it may
    do what the direction of its folder needs.
    """
    mode = int(dataset.mode, 8)
    shift = 6 if dataset.owner == user else 3 if dataset.group in groups else 0
    allowed = mode >> shift & 7
    if allowed & 5 != 5:
        return "read"
    return "" if allowed & 2 or config.direction == "send" else "write"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`syncing.nix`, on a host with Syncthing and such a dataset."""
    found = synced(plan, host.name)
    if not found or not any(map(is_syncthing, plan.on(host.name))):
        return
    devices: Attrs = {
        name: {"id": device} for _, config in found for name, device in config.devices.items()
    }
    folders: Attrs = {d.name: _folder(d, config) for d, config in found}
    groups: list[Nix] = [*sorted(groups_of(found))]
    # Without an optional disk Syncthing goes on with the other folders: it stops one whose marker
    # is missing.
    waits = waiting(host, [d.waits_for for d, _ in found if optional_at(host, d.path) is None])
    yield Module(
        "syncing.nix",
        "Datasets that Syncthing synchronises with other devices",
        derived=merge(
            attrs("services.syncthing.settings", {"devices": devices, "folders": folders}),
            attrs(
                f"systemd.services.{SYNCTHING}",
                {**waits, "serviceConfig": {"SupplementaryGroups": groups} if groups else {}},
            ),
        ),
    )


def _folder(dataset: Dataset, config: Syncing) -> Attrs:
    devices: list[Nix] = [*sorted(config.devices)]
    body: Attrs = {
        "devices": devices,
        "id": config.folder or dataset.name,
        "path": dataset.path,
        "type": _TYPES[config.direction],
        # The dataset has an owner and a mode of its own.
        "ignorePerms": True,
    }
    kept = _versioning(config)
    return {**body, "versioning": kept} if kept else body


def _versioning(config: Syncing) -> Attrs:
    days = config.keep_days
    match config.versions:
        case "trashcan":
            return {"type": "trashcan", "params": {"cleanoutDays": str(days)}}
        case "simple":
            return {"type": "simple", "params": {"keep": "5", "cleanoutDays": str(days)}}
        case "staggered":
            return {"type": "staggered", "params": {"maxAge": str(days * _DAY)}}
        case _:
            return {}
