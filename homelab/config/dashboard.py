"""`homelab:dashboard`, and the tile of a service."""

from __future__ import annotations

from pydantic import Field, model_validator

from homelab.config.base import Model, Reason, alone
from homelab.config.types import Icon, Label, Url


class Link(Model):
    """A tile for a page outside of the homelab."""

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
    """Groups in the order that the page shows them. Groups that the catalog names for a service
    come after these. A `tile.group` or a link with another group is an error."""
    links: list[Link] = Field(default_factory=list)
    """Tiles for pages outside of the homelab, such as the Cloudflare dashboard."""


class ServiceTile(Model):
    """A service's tile on the dashboard. Defaults come from the catalog."""

    group: Label | None = None
    title: Label | None = None
    icon: Icon | None = None
    description: Label | None = None
    skip: Reason | None = None
    """Reason why the service has no tile."""

    @model_validator(mode="after")
    def _one(self) -> ServiceTile:
        alone(self, "skip", ("group", "title", "icon", "description"))
        return self
