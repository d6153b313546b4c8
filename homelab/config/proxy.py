"""Options of the reverse proxy that have keys of their own: rate limit and plugins."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.base import Model, Str


class RateLimit(Model):
    """Requests that one client may send; status 429 beyond that. Nginx and Traefik only."""

    average: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Average requests per second from one address."""
    burst: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Requests that may come at once, for pages with many images."""


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
        """The plugin as `pkgs.caddy.withPlugins` expects it."""
        return f"{self.module}@{self.version}"
