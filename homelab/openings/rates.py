"""Options that set the rates of a service at other times than its schedule."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.services import schedule_of
from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, shown

TURTLE = "turtle"


@rule(
    "services.transmission.settings.alt-speed-enabled",
    "services.transmission.settings.alt-speed-time-enabled",
)
def turtle(setting: Setting, view: View) -> Iterator[Opening]:
    """Transmission's own schedule, or its other limits from the start."""
    for service in view.plan.on(view.host.name):
        scheduled = service.entry.rates == "transmission" and schedule_of(service.config)
        if scheduled and setting.value is not False:
            yield Opening(
                TURTLE,
                f"{setting.name} is {shown(setting.value)}, and its limits would replace those of "
                f"{service.at('schedule')}",
                "leave it out",
            )
