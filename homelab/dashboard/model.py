"""Dashboard: what the stack config says, and what the plan knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from homelab.model import Model, Reason, Str


class Link(Model):
    """A tile that leads out of the homelab."""

    title: Str
    url: Annotated[Str, Field(pattern=r"^https?://[^\s]+$")]
    group: Str
    icon: Str = ""
    description: Str = ""


class DashboardConfig(Model):
    """`homelab:dashboard`."""

    title: Str = "Home"
    groups: list[Str] = Field(
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

    group: Str | None = None
    title: Str | None = None
    icon: Str | None = None
    description: Str | None = None
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
