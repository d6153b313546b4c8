"""Monitors of Uptime Kuma: a unit that makes them those of the stack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from urllib.parse import urlsplit

from homelab.config.expansion import KUMA
from homelab.config.monitoring import seconds
from homelab.hardening.baseline import sandbox
from homelab.monitoring.model import KUMA_PASSWORD, MONITORS, MonitoringPlan, Probe
from homelab.monitoring.plan import plan_monitoring
from homelab.nix import Attrs, Module, Nix, Path, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan, once
from homelab.secret_paths import referred_path, secret_path
from homelab.services.unit import reported
from homelab.system.model import Host

_PROGRAM = "lib/kuma-sync.py"
_MONITORS = "lib/monitors.json"
_SHORTEST = 20
"""Seconds between two requests of Uptime Kuma, at least."""


@once
def kuma_of(plan: Plan) -> MonitoringPlan | None:
    """The health checks that Uptime Kuma makes; `None` unless homelab keeps its monitors."""
    if plan.stack.monitoring.kuma is None:
        return None
    stack = plan.stack
    return plan_monitoring(stack, plan.hosts, plan.services, plan.routes, plan.dns, KUMA)


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`monitors.nix`, on the host of Uptime Kuma."""
    monitoring, config = kuma_of(plan), plan.stack.monitoring.kuma
    if monitoring is None or config is None or monitoring.host != host.name:
        return
    service = next(s for s in plan.on(host.name) if s.name == KUMA)
    password = (
        referred_path(config.password, *KUMA_PASSWORD)
        if config.password is not None
        else secret_path(*KUMA_PASSWORD, "derived", "file")
    )
    unit: Attrs = {
        "description": "Monitors of Uptime Kuma",
        "after": [f"{service.units[0]}.service"],
        "path": [Pkg("python3")],
        "environment": {
            "KUMA_URL": f"http://{service.address}:{service.port}",
            # systemd reads %% in Environment= as one percent sign.
            "KUMA_USER": (config.user or plan.stack.site.owner.user).replace("%", "%%"),
        },
        "script": Script.of(
            "exec python3 ", Raw(f"./{_PROGRAM}"), " ", Raw(f"./{_MONITORS}"), "\n"
        ),
        "startLimitBurst": 3,
        "startLimitIntervalSec": 3600,
        "serviceConfig": {
            "Type": "oneshot",
            "Restart": "on-failure",
            "RestartSec": "5min",
            "DynamicUser": True,
            "LoadCredential": [f"password:{password}"],
            **sandbox(),
        },
    }
    # A timer, because a deployment must not fail, and be rolled back, while Uptime Kuma migrates
    # its database for hours or has another account.
    timer: Attrs = {
        "description": "Keep the monitors of Uptime Kuma",
        "wantedBy": ["timers.target"],
        "restartTriggers": [Path(_MONITORS)],
        "timerConfig": {"OnActiveSec": "5s", "OnUnitInactiveSec": "1h"},
    }
    unit |= reported(plan, host.name)
    monitors = json.dumps([_monitor(p) for p in monitoring.probes], indent=2, sort_keys=True)
    yield Module(
        file="monitors.nix",
        what="Monitors of Uptime Kuma, made from the stack config",
        derived=merge(
            attrs(f"systemd.services.{MONITORS}", unit),
            attrs(f"systemd.timers.{MONITORS}", timer),
            # Without it, a new Uptime Kuma 2 waits for a visitor who chooses a database.
            attrs("services.uptime-kuma.settings.UPTIME_KUMA_DB_TYPE", "sqlite"),
            _names(plan, host, monitoring),
        ),
        extra=((_PROGRAM, _program()), (_MONITORS, f"{monitors}\n")),
    )


def _program() -> str:
    return resources.files("homelab.monitoring").joinpath("kuma_sync.py").read_text("utf-8")


def _monitor(probe: Probe) -> Mapping[str, object]:
    """A health check as `kuma_sync.py` reads it."""
    return {
        "name": probe.name,
        "url": probe.url,
        "seconds": max(seconds(probe.interval), _SHORTEST),
        "failures": probe.failures,
        "relaxed": probe.relaxed,
        "keyword": probe.keyword,
        "headers": dict(probe.headers),
        "dns": probe.dns[0] if probe.dns else None,
    }


def _names(plan: Plan, host: Host, monitoring: MonitoringPlan) -> Attrs:
    """Internal names in /etc/hosts: the host of the resolver uses other resolvers, which do not
    know them.
    """
    if plan.dns.host != host.name:
        return {}
    known = dict(plan.dns.names)
    found: dict[str, list[Nix]] = {}
    for probe in monitoring.probes:
        name = urlsplit(probe.url).hostname or ""
        if name in known:
            names = found.setdefault(known[name], [])
            if name not in names:
                names.append(name)
    return attrs("networking.hosts", {**found}) if found else {}
