"""Limits of a service as settings of its units, in `serviceConfig`."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.services.model import Service


@dataclass(frozen=True)
class UnitLimit:
    """One limit of the stack config, as each unit of the service has it."""

    field: str
    """Its key below `limits`."""
    value: str


def unit_limits(service: Service) -> dict[str, UnitLimit]:
    """The limits by the name of their setting; empty for a service without limits."""
    limits = service.config.limits
    found: dict[str, UnitLimit] = {}
    if limits is not None and limits.mebibytes is not None:
        found["MemoryMax"] = UnitLimit("memory", f"{limits.mebibytes}M")
    if limits is not None and limits.cpus is not None:
        found["CPUQuota"] = UnitLimit("cpus", f"{round(limits.cpus * 100, 2):g}%")
    return found
