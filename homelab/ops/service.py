"""`homelab service test`: check one service, and rate its sandbox with systemd-analyze."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from homelab.hardening.model import UnitHardening
from homelab.nix import Comment, Force
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import check_stack, located_in
from homelab.services.report import ServiceReport, report_on, sandboxes

_TIMEOUT = 30
"""Seconds for one unit; it reads one file."""


def examined(directory: Path, stack: str, name: str) -> ServiceReport:
    """What homelab does with a service, and its problems with their lines.

    Raises InvalidStackError if the stack cannot be planned, UsageError for an unknown service.
    """
    plan, found = check_stack(directory, stack)
    levels = {}
    for unit in sandboxes(plan, name):
        service = next(s for s in plan.on(unit.host) if s.name == name)
        level = exposure(unit, service.entry.user, dynamic=service.entry.dynamic_user)
        if level:
            levels[unit.host, unit.unit] = level
    document = read_stack_document(directory, stack)
    report = report_on(plan, name, found, levels)
    located = tuple(located_in(p, document) for p in report.problems)
    return ServiceReport(report.name, report.instances, located, report.elsewhere)


def exposure(unit: UnitHardening, user: str, *, dynamic: bool) -> str:
    """The level of `systemd-analyze security` for the settings that homelab makes: `2.3 OK`, from 0
    (closed) to 10. Empty without systemd-analyze, or with one that cannot read unit files.
    """
    program = shutil.which("systemd-analyze")
    if program is None:
        return ""
    lines = ["[Service]", "ExecStart=/bin/true"]
    lines += ["DynamicUser=yes"] if dynamic else [f"User={user}"] if user else []
    for setting, stated in unit.settings:
        value = stated.value if isinstance(stated, Comment) else stated
        value = value.value if isinstance(value, Force) else value
        for one in value if isinstance(value, list) else [value]:
            # As NixOS writes settings into units.
            text = str(one).lower() if isinstance(one, bool) else str(one)
            lines.append(f"{setting}={text}")
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "tested.service"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [program, "security", "--offline=true", "--no-pager", str(file)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    _, found, level = done.stdout.rpartition("Overall exposure level for tested.service: ")
    return " ".join(level.split()[:2]) if found else ""
