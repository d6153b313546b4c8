"""Checks of folders of Syncthing: a service that syncs them, and one id for each device."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.storage.model import SYNCTHING
from homelab.storage.syncthing import synced


@check("syncthing-folder")
def syncthing_folder(plan: Plan) -> Iterator[Problem]:
    """A folder without a Syncthing is not synced, and two with one id mix their files."""
    ids: dict[tuple[str, str], tuple[str, str]] = {}
    for host in plan.hosts:
        runs = any(s.name == SYNCTHING for s in plan.on(host))
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
