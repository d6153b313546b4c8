"""Disks that may be absent: a target for each, which follows the disk, and its directories.

A unit starts with the target and stops with it, as with other devices of services.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homelab.disks.waiting import directories_of_disk, optional_at, target_of_disk
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Module, Nix, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.services.devices import following
from homelab.services.kept_state import created_paths
from homelab.storage.model import Dataset
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`optional-disks.nix`, on a host with datasets or containers' directories on such disks."""
    used = _users(plan, host)
    disks = {n: d.device for n, d in sorted(host.config.disks.items()) if d.device and n in used}
    if not disks:
        return
    here = [d for d in plan.datasets if d.host == host.name]
    held = {name: [d for d in here if name in _disks(host, d.path)] for name in disks}
    state = {name: _state(plan, host, name) for name in disks}
    yield Module(
        "optional-disks.nix",
        "Disks that may be absent, and what runs only while they are there",
        derived=merge(
            *(_target(name, device, used[name]) for name, device in disks.items()),
            *(_directories(name, disks[name], held[name], state[name]) for name in disks),
        ),
        extra=tuple((_file(name), _rules(held[name], state[name])) for name in disks),
    )


def _disks(host: Host, path: str) -> tuple[str, ...]:
    found = optional_at(host, path)
    return found.optional_disks if found is not None else ()


def _users(plan: Plan, host: Host) -> dict[str, set[str]]:
    """Units that use each optional disk, without `.service`."""
    paths = {d.name: d.path for d in plan.datasets if d.host == host.name}
    out: dict[str, set[str]] = {}

    def uses(units: Iterable[str], directories: Iterable[str]) -> None:
        for path in directories:
            for name in _disks(host, path):
                out.setdefault(name, set()).update(units)

    for dataset in paths.values():
        uses((), [dataset])
    for service in plan.on(host.name):
        if not service.parts:
            named = service.datasets.values()
            units = (*service.units, *service.entry.helpers)
            uses(service.units, (paths[n] for n in named if n in paths))
            uses(units, service.state)
        for part in service.parts:
            own = [m.source for m in part.config.mounts]
            uses((part.unit,), [*(paths[n] for n in part.datasets if n in paths), *own])
    return out


def _target(name: str, device: str, units: Iterable[str]) -> Attrs:
    needing = (directories_of_disk(name), *sorted(units))
    return following(target_of_disk(name), f"Disk {name}", device, needing)


def _state(plan: Plan, host: Host, disk: str) -> list[tuple[str, str, str]]:
    """State directories on a disk: (path, mount point, owner)."""
    return [
        (path, system.mount, service.entry.user or "root")
        for service in plan.on(host.name)
        if not service.parts
        for path in created_paths(service)
        if (system := optional_at(host, path)) is not None and disk in system.optional_disks
    ]


def _directories(
    name: str, device: str, datasets: list[Dataset], state: list[tuple[str, str, str]]
) -> Attrs:
    """A unit that creates the datasets and state directories of the disk when it appears."""
    mounts = {d.mount for d in datasets} | {mount for _, mount, _ in state}
    places: list[Nix] = [for_systemd(m) for m in sorted(mounts)]
    return attrs(
        f"systemd.services.{directories_of_disk(name)}",
        {
            "description": f"Create the directories on the disk {name}",
            "partOf": [f"{target_of_disk(name)}.target"],
            "unitConfig": {"ConditionPathExists": [device], "RequiresMountsFor": places},
            "script": Script.of("exec systemd-tmpfiles --create ", Raw(f"./{_file(name)}"), "\n"),
            "serviceConfig": {
                "Type": "oneshot",
                "RemainAfterExit": True,
                "ReadWritePaths": places,
                **sandbox("restrict-suid-sgid"),
                "CapabilityBoundingSet": "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID",
            },
        },
    )


def _file(name: str) -> str:
    return f"lib/disk-{name}.conf"


def _rules(datasets: list[Dataset], state: list[tuple[str, str, str]]) -> str:
    """Lines of tmpfiles.d(5). No path has a quote, a backslash or a % in it."""
    return "".join(f'd "{path}" :0700 :{owner} :root -\n' for path, _, owner in state) + "".join(
        f'd "{path}" {mode} {owner} {d.group} -\n'
        for d in datasets
        for path, owner, mode in ((d.path, d.owner, d.mode), *d.dirs)
    )
