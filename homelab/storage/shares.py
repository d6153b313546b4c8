"""Datasets as network drives: what the stack config says of one, and what the plan knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from homelab.model import Model, Name

if TYPE_CHECKING:
    from homelab.site.model import Site

SAMBA = "samba"
"""Service that shares datasets, on every host that holds a shared one."""
SMB = (139, 445)
"""Ports of SMB; the first is that of old times, which nothing here opens."""


class SambaConfig(Model):
    """A dataset as a network drive (SMB) for devices of the tailnet. Nobody else reaches it."""

    share: Name | None = None
    """Name of the drive; the dataset's name when empty."""
    users: list[Name] = Field(default_factory=list)
    """Who may open it, by the names of `site.owner` and `site.members`; the owner alone when empty.
    Their passwords are set once on the host: `smbpasswd -a kim`."""
    guest: bool = False
    """Open it to every device that reaches it, without a password."""
    read_only: bool = False
    """Nobody changes anything."""


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
    """Logins; none for a drive without password."""
    guest: bool
    read_only: bool
    source: str


def plan_shares(site: Site) -> Iterator[Share]:
    """Every share, by dataset; it goes wherever its dataset goes."""
    for name, config in sorted(site.datasets.items()):
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
            users=() if samba.guest else tuple(samba.users or (site.site.owner.user,)),
            guest=samba.guest,
            read_only=samba.read_only,
            source=f"datasets.{name}.samba",
        )
