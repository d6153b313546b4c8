"""Dashboard: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from homelab.model import Model, Reason
from homelab.words import Icon, Label, Url


class Link(Model):
    """A tile that leads out of the homelab."""

    title: Label
    url: Url
    group: Label
    icon: Icon = ""
    description: Label = ""


class DashboardConfig(Model):
    """`homelab:dashboard`."""

    title: Label = "Home"
    groups: list[Label] = Field(
        default_factory=lambda: [
            "Media",
            "Personal",
            "Automation",
            "Tools",
            "AI",
            "Monitoring",
            "Network",
        ]
    )
    """Order of the groups; a tile of another group is an error."""
    links: list[Link] = Field(default_factory=list)
    """Tiles of what is not ours, such as the Cloudflare dashboard."""


class ServiceTile(Model):
    """A service's tile."""

    group: Label | None = None
    title: Label | None = None
    icon: Icon | None = None
    description: Label | None = None
    skip: Reason | None = None
    """Why it has no tile."""


@dataclass(frozen=True)
class Tile:
    """One tile."""

    title: str
    url: str
    icon: str
    description: str
    group: str
    probe: str
    """URL that the dashboard asks to show up or down; empty for none."""
    source: str


@dataclass(frozen=True)
class DashboardPlan:
    """The tiles in order, by group."""

    host: str
    title: str
    groups: tuple[tuple[str, tuple[Tile, ...]], ...]
    skipped: tuple[tuple[str, str], ...]
