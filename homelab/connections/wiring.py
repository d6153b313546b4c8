"""Connections as NixOS modules: the keys that apps start with, and a unit that calls their APIs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.connections.keys import API_KEY
from homelab.connections.model import Wiring
from homelab.hardening.baseline import sandbox
from homelab.nix import Attrs, Module, Nix, Path, Pkg, Raw, Script, attrs, merge
from homelab.nix.values import After
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.secret_files import reader_of_key
from homelab.services.templates import path_of_secret
from homelab.services.unit import reported
from homelab.system.model import Host

_FILES = resources.files("homelab.connections")
_CONNECT, _API_KEY = "lib/connect.sh", "lib/api-key.sh"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`connections.nix`, on a host with a service that has a connection."""
    keyed = [
        s
        for s in plan.on(host.name)
        # A unit of the stack config gets all of its secrets.
        if s.entry.api_key and API_KEY in s.entry.secrets and not s.is_made
    ]
    wirings = [w for w in plan.connections if w.host == host.name]
    if not keyed and not wirings:
        return
    extra: dict[str, str] = {}
    if any(w.wanted for w in wirings):
        extra[_CONNECT] = _text("connect.sh")
    if any(s.entry.api_key and s.entry.api_key.file for s in keyed):
        extra[_API_KEY] = _text("api-key.sh")
    extra |= {_data(w): _json(w) for w in wirings if w.wanted}
    yield Module(
        "connections.nix",
        "Connections between services: API keys, and the services that each one knows",
        derived=merge(
            *(_key(s) for s in keyed),
            *(_variables(w) for w in wirings),
            *(_calls(plan, w) for w in wirings if w.wanted),
        ),
        extra=tuple(extra.items()),
    )


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _data(wiring: Wiring) -> str:
    return f"lib/connections-{wiring.service}.json"


def _json(wiring: Wiring) -> str:
    """What the script reads. A key is only named in it: `{"$key": "sabnzbd"}`."""
    data = {
        "service": wiring.service,
        "address": wiring.address,
        "waits": list(wiring.waits),
        "collections": list(wiring.collections),
        "wanted": [
            {
                "path": w.path,
                "identified_by": w.identified_by,
                "body": dict(w.body),
                "initial": dict(w.initial),
                "fields": dict(w.fields),
                "initial_fields": dict(w.initial_fields),
                "tags": list(w.tags),
                **({"omits": list(w.omits)} if w.omits else {}),
            }
            for w in wiring.wanted
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _key(service: Service) -> Attrs:
    """The app takes its key when it starts."""
    facts = service.entry.api_key
    assert facts is not None
    path = path_of_secret(service, API_KEY)
    unit = f'systemd.services."{reader_of_key(service)}"'
    if facts.env:
        return attrs(unit, {"serviceConfig": {"EnvironmentFile": [path]}})
    arguments = shlex.join((facts.format, facts.file, facts.at or "-", path))
    script = Script.of(". ", Raw(f"./{_API_KEY}"), f" {arguments}\n")
    tools: list[Nix] = [Pkg("gawk"), Pkg("jq")]
    if facts.format == "qbittorrent":
        tools.append(Pkg("perl"))
    return attrs(unit, {"path": tools, "preStart": After(script)})


def _variables(wiring: Wiring) -> Attrs:
    body: Attrs = {}
    if wiring.env:
        body["environment"] = dict(wiring.env)
    files: list[Nix] = [key.path for key in wiring.keys if key.env]
    if files:
        body["serviceConfig"] = {"EnvironmentFile": files}
    return attrs(f'systemd.services."{wiring.unit}"', body) if body else {}


def _calls(plan: Plan, wiring: Wiring) -> Attrs:
    """A timer, because a deployment must not wait for apps, nor fail because one of them is not set
    up yet.
    """
    read = [key for key in wiring.keys if not key.env]
    credentials: list[Nix] = [f"{key.service}:{key.path}" for key in read]
    # A key that is elsewhere now reaches the app at once, and not within the hour.
    elsewhere: list[Nix] = [f"{key.name} {key.ref.name}" for key in read if key.ref is not None]
    unit: Attrs = {
        "description": f"Connect {wiring.service} to {', '.join(wiring.callees)}",
        "after": ["network-online.target", f"{wiring.unit}.service"],
        "wants": ["network-online.target"],
        "path": [Pkg("curl"), Pkg("jq")],
        "script": Script.of(". ", Raw(f"./{_CONNECT}"), " ", Raw(f"./{_data(wiring)}"), "\n"),
        "startLimitBurst": 3,
        "startLimitIntervalSec": 3600,
        "serviceConfig": {
            "Type": "oneshot",
            "DynamicUser": True,
            "StateDirectory": wiring.timer,
            "LoadCredential": credentials,
            "Restart": "on-failure",
            "RestartSec": "5min",
            "PrivateUsers": True,
            **sandbox(),
        },
    }
    unit |= reported(plan, wiring.host)
    timer: Attrs = {
        "description": f"Keep the connections of {wiring.service}",
        "wantedBy": ["timers.target"],
        "restartTriggers": [Path(_data(wiring)), *elsewhere],
        "timerConfig": {"OnActiveSec": "30s", "OnUnitInactiveSec": "1h"},
    }
    return {
        "systemd": {"services": {wiring.timer: unit}, "timers": {wiring.timer: timer}},
    }
