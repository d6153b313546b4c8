"""Limits of restarts that systemd ignores where they are written."""

from __future__ import annotations

from homelab.openings.model import when

RESTARTS = "restart-limits"

when(
    lambda value: value is not None,
    *(f"systemd.services.*.serviceConfig.StartLimit{w}" for w in ("Action", "Burst")),
    *(f"systemd.services.*.serviceConfig.StartLimit{w}" for w in ("Interval", "IntervalSec")),
    word=RESTARTS,
    what="systemd ignores {option}: it reads limits of restarts in [Unit], so the unit restarts "
    "without them",
    way_out="leave it out of serviceConfig, and write it to unitConfig",
)
