"""Sandbox exceptions of a service."""

from __future__ import annotations

from pydantic import Field

from homelab.config.base import AbsolutePath, Model, Name, Reason


class ServiceHardening(Model):
    """A service's exceptions from the baseline."""

    read_write: list[AbsolutePath] = Field(default_factory=list)
    """Further directories it writes."""
    read_only: list[AbsolutePath] = Field(default_factory=list)
    """Further directories it may see below /mnt, /srv and /home."""
    relax: dict[Name, Reason] = Field(default_factory=dict)
    """Parts of the baseline that it cannot bear, each with the reason. See the guide for names."""
    exempt: Reason | None = None
    """Why the baseline does not apply at all."""
