"""Services that read a replica on the host that receives it."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.disks.waiting import waiting
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.devices import escaped
from homelab.services.model import Service
from homelab.storage.model import Dataset, Replica
from homelab.system.model import Host


def arrived(dataset: str) -> str:
    """Unit that is active once a replica on btrfs has a snapshot, without its suffix."""
    return f"replica-{dataset}-arrived"


def mount_of(place: str) -> str:
    """The unit that mounts a replica on ZFS."""
    return f"{escaped(place)}.mount"


def read_here(plan: Plan, host: Host) -> dict[str, Dataset]:
    """The replicas of a host that its services read, by dataset."""
    return {c.name: c for c in plan.copies if c.host == host.name}


def described(replica: Replica, copies: dict[str, Dataset]) -> dict[str, str]:
    """What `homelab-replica` knows of the readers of a replica; empty if there is none."""
    copy = copies.get(replica.dataset.name)
    if copy is None:
        return {}
    return {"mount": mount_of(copy.path)} if replica.on_zfs else {"readers": replica.login}


def readers(plan: Plan, host: Host, received: list[Replica]) -> Attrs:
    """The mounts of replicas on ZFS, and what units that read a replica wait for."""
    copies = read_here(plan, host)
    read = [(r, copies[r.dataset.name]) for r in received if r.dataset.name in copies]
    return merge(
        *(_mounted(copy) if r.on_zfs else _arrives(r, copy) for r, copy in read),
        *(
            _reading(host, service, unit, r, copy)
            for r, copy in read
            for service in plan.on(host.name)
            for unit in _units(service, copy.name)
        ),
    )


def _units(service: Service, dataset: str) -> Iterator[str]:
    if not service.parts and dataset in service.datasets.values():
        yield from (*service.units, *service.entry.helpers)
    yield from (part.unit for part in service.parts if dataset in part.datasets)


def _mounted(copy: Dataset) -> Attrs:
    """The first transfer makes the dataset. Only `homelab-replica` starts the mount, once there is
    one: a mount that fails would roll back the switch that lets the first transfer come.
    """
    options: list[Nix] = ["zfsutil", "ro", "noauto", "nofail", "nosuid", "nodev"]
    system: Attrs = {"device": copy.path.lstrip("/"), "fsType": "zfs", "options": options}
    return {"fileSystems": {copy.path: system}}


def _arrives(replica: Replica, copy: Dataset) -> Attrs:
    """A target that starts the readers when the first snapshot has come."""
    name = arrived(copy.name)
    what = f"Replica of {copy.name} has a snapshot"
    watch: Attrs = {"PathExists": for_systemd(copy.path), "Unit": f"{name}.target"}
    return {
        "systemd": {
            "targets": {name: {"description": what}},
            "paths": {
                name: {
                    "description": what,
                    "wantedBy": ["multi-user.target"],
                    "after": [f"replica-{replica.dataset.name}.service"],
                    "pathConfig": watch,
                }
            },
        }
    }


def _reading(host: Host, service: Service, unit: str, replica: Replica, copy: Dataset) -> Attrs:
    runs = unit not in service.entry.helpers and not (
        service.unit is not None and service.unit.schedule is not None
    )
    why = (
        f"{copy.name} is a replica of {replica.dataset.host}, up to {replica.max_age_hours} h old."
    )
    if replica.on_zfs:
        starts: list[Nix] = [mount_of(copy.path)]
        mounted: list[Nix] = [for_systemd(copy.path)]
        # It starts with the mount and stops with it. To require the mount would try it at a switch.
        body: Attrs = {
            "unitConfig": {"ConditionPathIsMountPoint": mounted},
            "after": starts,
            "partOf": starts,
        }
    else:
        body = waiting(host, [copy.mount])
        starts = [f"{arrived(copy.name)}.target"]
        group: list[Nix] = [replica.login]
        there: list[Nix] = [for_systemd(copy.path)]
        body = merge(
            body,
            {
                # Without a snapshot, the service would find its library empty and forget it.
                "unitConfig": {"ConditionPathExists": there},
                "after": [f"replica-{copy.name}.service"],
                "serviceConfig": {"SupplementaryGroups": group},
            },
        )
        if service.entry.switches_user:
            user = attrs(f"users.users.{service.entry.user}.extraGroups", group)
            return merge(user, _named(unit, body, starts, why, runs=runs))
    return _named(unit, body, starts, why, runs=runs)


def _named(unit: str, body: Attrs, starts: list[Nix], why: str, *, runs: bool) -> Attrs:
    wanted: Attrs = {"wantedBy": Comment(why, starts)} if runs else {}
    return attrs(f'systemd.services."{unit}"', {**body, **wanted})
