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
    if dataset is None or dataset.host != service.host:
        return None
    below = service.entry.folders.get(role, "")
    return f"{dataset.path.rstrip('/')}/{below}" if below in dataset.dirs else dataset.path
