"""`homelab:dashboard`, and the tile of a service."""

from __future__ import annotations

from pydantic import Field

from homelab.config.base import Model, Reason
from homelab.config.types import Icon, Label, Url


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
