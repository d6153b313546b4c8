"""Sandbox exceptions of a service."""

from __future__ import annotations

from pydantic import Field

from homelab.config.base import AbsolutePath, Model, Name, Reason


class ServiceHardening(Model):
    """A service's exceptions from the sandbox baseline."""

    read_write: list[AbsolutePath] = Field(default_factory=list)
    """Further directories that it may write."""
    read_only: list[AbsolutePath] = Field(default_factory=list)
    """Further directories below /mnt, /srv and /home that it may read."""
    relax: dict[Name, Reason] = Field(default_factory=dict)
    """Settings of the baseline to switch off, each with the reason. Names are those of systemd in
    lower case: `private-devices`, `protect-home`."""
    exempt: Reason | None = None
    """Reason why the baseline does not apply at all."""
