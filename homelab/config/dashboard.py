"""`homelab:dashboard`, and the tile of a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, model_validator

from homelab.config.base import Model, Reason, Str, TreePath, alone
from homelab.config.types import Icon, Label, Url


class Link(Model):
    """A tile for a page outside of the homelab."""

    title: Label
    url: Url
    group: Label
    icon: Icon = ""
    description: Label = ""


def _drawing(value: str) -> str:
    if not value.endswith(".svg"):
        raise ValueError("this is not an SVG, from which every size is made; write icons/home.svg")
    return value


Drawing = Annotated[TreePath, AfterValidator(_drawing)]
"""An SVG file beside the stack file."""


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
    local_links: bool = False
    """Show a button that switches the links of published routes to addresses at home: the internal
    name, or the LAN address and port of a route with `lan_direct`. Each browser remembers its
    choice; at first the links are the public ones."""
    icons: TreePath | None = None
    """Directory beside the stack file with icons that the dashboard serves: SVG, PNG, WebP, JPEG,
    GIF and ICO. A tile shows the file named like its `icon` or like its service, `jellyfin.svg`.
    Without one, the browser loads the icon from jsdelivr.net."""
    favicon: Drawing | None = None
    """SVG beside the stack file that browsers and installed web apps show for the dashboard. The
    host makes the PNGs and the ICO from it."""


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
