"""Datasets as network drives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.config.snapshots import size_of
from homelab.config.stack import StackConfig

SAMBA = "samba"
"""Service that shares datasets, on every host that holds a shared one."""
SMB = (139, 445)
"""Ports of SMB. The first is for SMB over NetBIOS and stays closed."""


@dataclass(frozen=True)
class Share:
    """One network drive on one host."""

    name: str
    dataset: str
    host: str
    path: str
    mount: str
    owner: str
    group: str
    users: tuple[str, ...]
    """Logins; none for a drive without a password."""
    guest: bool
    read_only: bool
    source: str
    lan: bool
    """Whether devices on the LAN reach it too."""
    time_machine: bool
    quota: int | None
    """Most data of its dataset, in bytes."""


def plan_shares(stack: StackConfig) -> Iterator[Share]:
    """Every share, in the order of its datasets."""
    for name, config in sorted(stack.datasets.items()):
        samba = config.samba
        if samba is None:
            continue
        yield Share(
            name=samba.share or name,
            dataset=name,
            host=config.host,
            path=config.path,
            mount=config.mount or config.path,
            owner=config.owner,
            group=config.group,
            users=() if samba.guest else tuple(samba.users or (stack.site.owner.user,)),
            guest=samba.guest,
            read_only=samba.read_only,
            source=f"datasets.{name}.samba",
            lan=samba.lan is not None,
            time_machine=samba.time_machine,
            quota=size_of(config.quota) if config.quota else None,
        )
