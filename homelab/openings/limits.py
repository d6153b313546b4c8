"""Limits of a unit in a module of the owner, beside those of the stack config."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule

_FIELDS = {"MemoryMax": "memory", "CPUQuota": "cpus"}


@rule(*(f"systemd.services.*.serviceConfig.{name}" for name in _FIELDS))
def other_limit(setting: Setting, view: View) -> Iterator[Opening]:
    """The plan forces the limits of the stack config, so another one has no effect, or Nix accepts
    neither of two that are forced. `option-path` reads the options of the stack config.
    """
    if setting.source:
        return
    field = _FIELDS[setting.path[-1]]
    for service in view.plan.on(view.host.name):
        limits = service.config.limits
        if limits is None or getattr(limits, field) is None or setting.path[2] not in service.units:
            continue
        yield Opening(
            "limits",
            f"limits.{field} of {service.name} sets {setting.name}, so this one has no effect",
            f"leave it out, or leave {service.at(f'limits.{field}')} out",
        )
