"""Unit files as NixOS writes them, for units that a stack configures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from homelab.nix import Call
from homelab.plan import Plan
from tests.programs.rendered import settings

_UNIT = {
    "after": "After",
    "before": "Before",
    "bindsTo": "BindsTo",
    "conflicts": "Conflicts",
    "description": "Description",
    "documentation": "Documentation",
    "onFailure": "OnFailure",
    "onSuccess": "OnSuccess",
    "partOf": "PartOf",
    "requires": "Requires",
    "requisite": "Requisite",
    "startLimitBurst": "StartLimitBurst",
    "startLimitIntervalSec": "StartLimitIntervalSec",
    "wants": "Wants",
}
_INSTALL = {"wantedBy": "WantedBy", "requiredBy": "RequiredBy"}
_SCRIPTS = {
    "preStart": "ExecStartPre",
    "script": "ExecStart",
    "postStart": "ExecStartPost",
    "reload": "ExecReload",
    "preStop": "ExecStop",
    "postStop": "ExecStopPost",
}
_NOT_IN_THE_FILE = (
    "enable",
    "path",
    "reloadTriggers",
    "restartIfChanged",
    "restartTriggers",
    "scriptArgs",
    "startAt",
    "stopIfChanged",
)
_SECTIONS = {"service": "Service", "timer": "Timer", "socket": "Socket", "path": "Path"}


def units(plan: Plan, directory: Path) -> Iterator[tuple[str, str, str]]:
    """(host, name, text) of every unit that a stack configures."""
    for kind in _SECTIONS:
        for host, found in settings(plan, f"systemd.{kind}s", directory):
            for name, said in found.items():
                yield host, f"{name}.{kind}", text(kind, name, said, directory)
                if "startAt" in said:
                    timer = {"timerConfig": {"OnCalendar": said["startAt"]}}
                    yield host, f"{name}.timer", text("timer", name, timer, directory)


def text(kind: str, name: str, said: Mapping[str, Any], directory: Path) -> str:
    """The unit's file. The command of its upstream module is a placeholder."""
    unit: list[str] = []
    install: list[str] = []
    own: list[str] = []
    for key, value in said.items():
        if key in _UNIT:
            unit += _line(_UNIT[key], " ".join(value) if isinstance(value, list) else value)
        elif key in _INSTALL:
            install += _line(_INSTALL[key], " ".join(value))
        elif key == "unitConfig":
            unit += [line for k, v in value.items() for line in _line(k, v)]
        elif key == f"{kind}Config":
            own += [line for k, v in value.items() for line in _line(k, v)]
        elif key == "environment":
            own += [f"Environment={json.dumps(f'{k}={v}')}" for k, v in value.items()]
        elif key == "listenStreams":
            own += _line("ListenStream", value)
        elif key in _SCRIPTS:
            more = f" {said['scriptArgs']}" if key == "script" and "scriptArgs" in said else ""
            own.append(f"{_SCRIPTS[key]}={_script(directory, f'{name}-{key}', value)}{more}")
        else:
            assert key in _NOT_IN_THE_FILE, f"{name}.{kind}: {key}"
    if kind == "service" and not any(line.startswith("ExecStart=") for line in own):
        own.append("ExecStart=/bin/true")
    if kind == "timer" and not any(line.startswith("On") for line in own):
        own.append("OnCalendar=daily")
    sections = {"Unit": unit, _SECTIONS[kind]: own, "Install": install}
    return "\n".join(f"[{s}]\n" + "".join(f"{x}\n" for x in lines) for s, lines in sections.items())


def _line(key: str, value: Any) -> list[str]:
    """A setting as NixOS writes it: one line for each item of a list."""
    if isinstance(value, list):
        return [line for item in value for line in _line(key, item)]
    if isinstance(value, bool):
        return [f"{key}={str(value).lower()}"]
    if isinstance(value, Call) and value.function == "lib.mkOverride":
        return _line(key, value.args[-1])
    if isinstance(value, Call):
        # It makes a package or, for a mount, the path of one in the store.
        return [f"{key}=/nix/store/made"]
    return [f"{key}={value}"]


def _script(directory: Path, name: str, body: str) -> Path:
    file = directory / "scripts" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/bash\nset -e\n{body}", encoding="utf-8")
    file.chmod(0o755)
    return file
