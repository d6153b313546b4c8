"""Limits of a unit in a module of the owner, beside those of the stack config."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule
from homelab.services.limits import unit_limits


@rule("systemd.services.*.serviceConfig.*")
def other_limit(setting: Setting, view: View) -> Iterator[Opening]:
    """The plan forces the limits of the stack config, so another one has no effect, or Nix accepts
    neither of two that are forced. `option-path` reads the options of the stack config.
    """
    if setting.source:
        return
    for service in view.plan.on(view.host.name):
        limit = unit_limits(service).get(setting.path[-1])
        if limit is not None and setting.path[2] in service.units:
            yield Opening(
                "limits",
                f"limits.{limit.field} of {service.name} sets {setting.name}, so this one has no "
                "effect",
                f"leave it out, or leave {service.at(f'limits.{limit.field}')} out",
            )
