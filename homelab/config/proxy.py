"""Parts of the reverse proxy that take more than a line: how fast visitors may ask, and plugins."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.base import Model, Str


class RateLimit(Model):
    """How fast one visitor may ask; 429 beyond that. Nginx and Traefik count, Caddy cannot."""

    average: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Requests in a second, of one address, over time."""
    burst: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Requests at once, as a page with many pictures makes them."""


class CaddyPlugin(Model):
    """A Go module that is built into Caddy."""

    module: Annotated[
        Str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*\.[a-z]+(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$")
    ]
    """Import path: `github.com/caddy-dns/cloudflare`."""
    version: Annotated[Str, Field(pattern=r"^v[0-9][A-Za-z0-9.+-]*$")]
    """Tag or pseudo-version: `v0.2.4`."""

    @property
    def spec(self) -> str:
        """As `pkgs.caddy.withPlugins` wants it."""
        return f"{self.module}@{self.version}"


PluginHash = Annotated[Str, Field(pattern=r"^sha256-[A-Za-z0-9+/]{43}=$")]
