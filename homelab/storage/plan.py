"""The datasets of a stack, with the services that use them."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.config.stack import StackConfig
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.system.model import Host


def plan_datasets(
    stack: StackConfig, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> tuple[Dataset, ...]:
    """Every dataset, by name, with the services of its own host that use it.

    A service that names a dataset of another host is not among the users; a check names it.
    """
    return tuple(
        Dataset(
            name=name,
            host=config.host,
            path=config.path,
            mount=config.mount or mount_of(hosts.get(config.host), config.path),
            is_mount_stated=config.mount is not None,
            tier=config.tier,
            owner=config.owner,
            group=config.group,
            mode=config.mode,
            users=tuple(
                sorted(
                    s.name
                    for s in services
                    if s.host == config.host and name in s.datasets.values()
                )
            ),
            source=f"datasets.{name}",
            dirs=tuple(
                (
                    f"{config.path.rstrip('/')}/{below}",
                    d.owner or config.owner,
                    d.mode or config.mode,
                )
                for below, d in sorted(config.dirs.items())
            ),
        )
        for name, config in sorted(stack.datasets.items())
    )


def mount_of(host: Host | None, path: str) -> str:
    """Mount point of the file system that a dataset is on, as far as the stack config tells; else
    its own path.
    """
    found = host.file_system_of(path) if host is not None else None
    # The hardware module may mount another file system above the path.
    return found.mount if found is not None and found.mount != "/" else path
