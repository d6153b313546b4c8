"""`homelab:dashboard`, and the tile of a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from homelab.config.base import Model, Reason, Str, alone
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


WidgetField = Annotated[Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,40}$")]


class ServiceTile(Model):
    """A service's tile on the dashboard. Defaults come from the catalog."""

    group: Label | None = None
    title: Label | None = None
    icon: Icon | None = None
    description: Label | None = None
    widget: dict[WidgetField, JsonValue] = Field(default_factory=dict)
    """Figures of the app on its tile, as https://gethomepage.dev/widgets/ describes for it: `{type:
    homeassistant, key: {$secret: home-assistant}}`. `$secret` names a secret of the service
    `homepage` with `env: HOMEPAGE_VAR_…`. `url` is by default the address at which the host of the
    dashboard reaches the app."""
    skip: Reason | None = None
    """Reason why the service has no tile."""

    @model_validator(mode="after")
    def _one(self) -> ServiceTile:
        alone(self, "skip", ("group", "title", "icon", "description", "widget"))
        if self.widget and not isinstance(self.widget.get("type"), str):
            raise ValueError("a widget has a type; write widget: {type: homeassistant, …}")
        return self
