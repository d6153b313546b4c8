"""Checks of folders of Syncthing: a service that syncs them, and one id for each device."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.storage.model import SYNCTHING, is_syncthing
from homelab.storage.syncthing import groups_of, lacks_access, synced


@check("syncthing-folder")
def syncthing_folder(plan: Plan) -> Iterator[Problem]:
    """A folder without a Syncthing is not synced, and two with one id mix their files."""
    ids: dict[tuple[str, str], tuple[str, str]] = {}
    for host in plan.hosts:
        runs = any(map(is_syncthing, plan.on(host)))
        folders: dict[str, str] = {}
        for dataset, config in synced(plan, host):
            where = f"{dataset.source}.syncthing"
            if not runs:
                yield Problem(
                    where,
                    f"{host} does not run Syncthing, so nothing is synced",
                    f"add services.{SYNCTHING}: {{host: {host}}}, or leave syncthing out",
                )
            folder = config.folder or dataset.name
            first = folders.setdefault(folder, dataset.name)
            if first != dataset.name:
                yield Problem(
                    f"{where}.folder",
                    f"{first} is the folder {folder} of {host} already",
                    "name another id",
                )
            for name, device in config.devices.items():
                place = f"{where}.devices.{name}"
                known, other = ids.setdefault((host, name), (device, place))
                if known != device:
                    yield Problem(
                        place,
                        f"{name} has another id at {other}",
                        f"write the same id, or another name, such as {name}-2",
                    )


@check("syncthing-access")
def syncthing_access(plan: Plan) -> Iterator[Problem]:
    """Syncthing stops a folder in which it may not write, and its files are not synced."""
    for service in filter(is_syncthing, plan.services):
        found, user = synced(plan, service.host), service.entry.user
        groups = {*groups_of(found), user}
        for dataset, config in found:
            lacks = lacks_access(dataset, config, user, groups)
            if lacks:
                whose = f"{dataset.owner}:{dataset.group}, mode {dataset.mode}"
                sends = ", or syncthing: {direction: send}" if lacks == "write" else ""
                yield Problem(
                    f"{dataset.source}.syncthing",
                    f"{user} may not {lacks} in {dataset.path}: it is {whose}",
                    f'write owner: {user}, or a group of its own and mode: "2770"{sends}',
                )
