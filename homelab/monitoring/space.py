"""A daily look at the file systems of a host, which alerts before one is full."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from homelab.hardening.baseline import sandbox
from homelab.monitoring.model import SPACE
from homelab.monitoring.plan import may_alert
from homelab.nix import Attrs, Module, Raw, Script
from homelab.plan import Plan
from homelab.services.unit import reported
from homelab.system.model import Host

_SCRIPT = "lib/space.sh"
_AT = "*-*-* 09:00:00"
"""When people are awake: the alert is urgent, and comes again each day."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`space.nix`, with `monitoring.full_percent`."""
    limit = plan.stack.monitoring.full_percent
    if limit is None or not host.is_nixos or not may_alert(host.config):
        return
    text = resources.files("homelab.monitoring").joinpath("space.sh").read_text(encoding="utf-8")
    unit: Attrs = {
        "description": "Look for file systems that are nearly full",
        **reported(plan, host.name),
        "script": Script.of(". ", Raw(f"./{_SCRIPT}"), f" {limit}\n"),
        "serviceConfig": {
            "Type": "oneshot",
            **sandbox("protect-home"),
            "ProtectHome": "read-only",
            # Of a mount point below a directory of one user it reads the free space.
            "CapabilityBoundingSet": "CAP_DAC_READ_SEARCH",
        },
    }
    timer: Attrs = {
        "description": "Look for file systems that are nearly full each day",
        "wantedBy": ["timers.target"],
        "timerConfig": {"OnCalendar": _AT, "Persistent": True},
    }
    yield Module(
        "space.nix",
        "An alert before a file system is full",
        derived={"systemd": {"services": {SPACE: unit}, "timers": {SPACE: timer}}},
        extra=((_SCRIPT, text),),
    )
