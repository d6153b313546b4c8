"""The directory that a service uses in a dataset."""

from __future__ import annotations

from homelab.config.stack import StackConfig
from homelab.services.model import Service


def folder(stack: StackConfig, service: Service, role: str) -> str | None:
    """The directory that a service uses in the dataset of a role: the one that its facts name, if
    the dataset has it in `dirs`, otherwise the whole dataset. None if it has no dataset of its host
    for the role.
    """
    dataset = stack.datasets.get(service.datasets.get(role, ""))
    path = dataset.path_on(service.host) if dataset is not None else None
    if dataset is None or path is None:
        return None
    below = service.entry.folders.get(role, "")
    return f"{path.rstrip('/')}/{below}" if below in dataset.dirs else path
