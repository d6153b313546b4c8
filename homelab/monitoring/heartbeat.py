"""Requests to a service elsewhere, which alerts when none comes."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.hardening.baseline import sandbox
from homelab.monitoring.model import HEARTBEAT, HEARTBEAT_URL
from homelab.nix import Attrs, Lines, Module, Pkg
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.system.model import Host

SCRIPT = """\
# The address is a secret, so it stays out of the process list.
curl --fail --silent --show-error --max-time 20 --retry 2 --output /dev/null \\
  --config <(printf 'url = "%s"\\n' "$(cat "$CREDENTIALS_DIRECTORY/url")")
"""
"""What the unit runs. `LoadCredential` gives it the file `url`."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`heartbeat.nix` of the host that `monitoring.heartbeat` names."""
    config = plan.stack.monitoring.heartbeat
    if config is None or config.host != host.name or not host.is_nixos:
        return
    # It reports no failure: without internet an alert does not leave the home either.
    unit: Attrs = {
        "description": "Tell a service elsewhere that this host runs",
        "path": [Pkg("curl")],
        "script": Lines(SCRIPT),
        "serviceConfig": {
            "Type": "oneshot",
            "DynamicUser": True,
            "LoadCredential": [f"url:{referred_path(config.url, *HEARTBEAT_URL)}"],
            **sandbox(),
        },
    }
    timer: Attrs = {
        "description": "Tell a service elsewhere that this host runs",
        "wantedBy": ["timers.target"],
        "timerConfig": {
            "AccuracySec": "1s",
            "OnActiveSec": "5s",
            "OnUnitInactiveSec": config.every,
        },
    }
    yield Module(
        "heartbeat.nix",
        "A heartbeat for a service elsewhere",
        derived={"systemd": {"services": {HEARTBEAT: unit}, "timers": {HEARTBEAT: timer}}},
    )
