"""Checks of hard links between datasets: in a container, each dataset is a separate mount."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import ContainerService
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.storage.model import Dataset


@check("dataset-links", severity="warning")
def dataset_links(plan: Plan) -> Iterator[Problem]:
    """Hard links do not work between mounts, even of one disk: files are copied and take twice the
    space.
    """
    datasets = {d.name: d for d in plan.datasets}
    for service in plan.services:
        config = service.config
        if not isinstance(config, ContainerService):
            continue
        writes = [n for n, d in sorted(config.datasets.items()) if not d.read_only]
        written = [datasets[n] for n in writes if n in datasets]
        for mount, together in sorted(_by_mount(service, written).items()):
            if len(together) > 1:
                names = " and ".join(d.name for d in together)
                yield Problem(
                    f"services.{service.name}.datasets",
                    f"{names} are on one disk, {mount}, but {service.name} has each as a separate "
                    "mount: it copies between them and cannot link",
                    f"leave {names} out here, and add to container.mounts: {{source: "
                    f"{posixpath.commonpath([d.path for d in together])}, target: …}}",
                )


def _by_mount(service: Service, written: list[Dataset]) -> dict[str, list[Dataset]]:
    found: dict[str, list[Dataset]] = {}
    for dataset in written:
        here = found.setdefault(dataset.mount, [])
        if dataset.host == service.host and dataset not in here:
            here.append(dataset)
    return found
