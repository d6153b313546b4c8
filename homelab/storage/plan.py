"""The datasets of a stack, with the services that use them."""

from __future__ import annotations

from homelab.config.stack import StackConfig
from homelab.services.model import Service
from homelab.storage.model import Dataset


def plan_datasets(stack: StackConfig, services: tuple[Service, ...]) -> tuple[Dataset, ...]:
    """Every dataset, by name, with the services of its own host that use it.

    A service that names a dataset of another host is not among the users; a check names it.
    """
    return tuple(
        Dataset(
            name=name,
            host=config.host,
            path=config.path,
            mount=config.mount or config.path,
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
