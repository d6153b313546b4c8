"""Rates by the time of day as a NixOS module: a timer that sets those of the current window."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.service_parts import RateWindow
from homelab.config.services import schedule_of
from homelab.hardening.baseline import sandbox
from homelab.nix import Attrs, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.unit import reported
from homelab.system.model import Host

_SCRIPT = "lib/rates.sh"
_NO_LIMIT = "-"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`rates.nix`, on a host with a service that has a schedule."""
    scheduled = [s for s in plan.on(host.name) if s.entry.rates and schedule_of(s.config)]
    if not scheduled:
        return
    text = resources.files("homelab.services").joinpath("rates.sh").read_text(encoding="utf-8")
    yield Module(
        "rates.nix",
        "Download and upload rates by the time of day",
        derived=merge(*(_rates(plan, s) for s in scheduled)),
        extra=((_SCRIPT, text),),
    )


def _rates(plan: Plan, service: Service) -> Attrs:
    windows = sorted(schedule_of(service.config), key=lambda w: w.start)
    address = f"http://{service.address}:{service.port}/transmission/rpc"
    name, main = f"{service.name}-rates", f"{service.units[0]}.service"
    arguments = shlex.join([service.name, address, *(_argument(w) for w in windows)])
    path: list[Nix] = [Pkg("curl"), Pkg("jq")]
    times: list[Nix] = [f"*-*-* {w.start}:00" for w in windows]
    unit: Attrs = {
        "description": f"Set the rates of {service.name} for the time of day",
        "after": [main],
        # Transmission starts with the rates that it stopped with.
        "wantedBy": [main],
        "path": path,
        "script": Script.of(". ", Raw(f"./{_SCRIPT}"), f" {arguments}\n"),
        "startLimitBurst": 5,
        "startLimitIntervalSec": 3600,
        "serviceConfig": {
            "Type": "oneshot",
            "DynamicUser": True,
            "Restart": "on-failure",
            "RestartSec": "1min",
            "PrivateUsers": True,
            **sandbox(),
        },
    }
    unit |= reported(plan, service.host)
    timer: Attrs = {
        "description": f"Change the rates of {service.name}",
        "wantedBy": ["timers.target"],
        # Other rates apply at the switch, not at the next window.
        "restartTriggers": [arguments],
        "timerConfig": {"OnActiveSec": "5s", "OnCalendar": times, "AccuracySec": "1s"},
    }
    # The button for other limits pauses everything by hand.
    turtle: Attrs = {"alt-speed-down": 0, "alt-speed-up": 0, "alt-speed-time-enabled": False}
    return merge(
        attrs("services.transmission.settings", turtle),
        {"systemd": {"services": {name: unit}, "timers": {name: timer}}},
    )


def _argument(window: RateWindow) -> str:
    """Start, download and upload: `0800,50000,0`."""
    rates = (_NO_LIMIT if rate is None else str(rate) for rate in (window.down, window.up))
    return ",".join((window.start.replace(":", ""), *rates))
