"""Calendar expressions in options: systemd refuses a timer whose expression it cannot parse."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.calendar import is_calendar, missing_day, zone_of
from homelab.config.types import EXISTING_DAY
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown
from homelab.problems import did_you_mean
from homelab.system.zone_checks import ZONES

CALENDAR = "calendar"


@rule(
    # Units and modules of nixpkgs that start a unit at a time.
    *("systemd.services.*.startAt", "systemd.user.services.*.startAt", "services.**.startAt"),
    *("systemd.timers.*.timerConfig.OnCalendar", "systemd.user.timers.*.timerConfig.OnCalendar"),
    "services.**.timerConfig.OnCalendar",
    # Upkeep of the system.
    *("nix.gc.dates", "nix.optimise.dates", "system.autoUpgrade.dates"),
    *("virtualisation.*.autoPrune.dates", "services.fstrim.interval"),
    *("services.btrfs.autoScrub.interval", "services.zfs.autoScrub.interval"),
    *("services.sanoid.interval", "services.syncoid.interval", "services.locate.interval"),
    *("services.snapper.snapshotInterval", "services.scrutiny.collector.schedule"),
    "services.geoipupdate.interval",
)
def calendar(setting: Setting, view: View) -> Iterator[Opening]:
    """A mistyped time builds, and the timer then fails to load: the job never runs.
    Nor does it on a day that no year has.
    """
    if "settings" in setting.path:  # The words of a program of its own.
        return
    for text in _texts(setting.value):
        zone = zone_of(text)
        if not is_calendar(text):
            yield Opening(
                CALENDAR,
                f'{setting.name} is "{shown(text)}", which is not a calendar expression of systemd',
                "write weekly, or Mon *-*-* 03:00:00",
            )
        elif missing := missing_day(text):
            yield Opening(
                CALENDAR,
                f"{setting.name}: no year has the day {shown(missing)}, so it never starts",
                f"{EXISTING_DAY}, or leave the option out",
            )
        elif zone and zone not in (*ZONES, "UTC"):
            yield Opening(
                CALENDAR,
                f'{setting.name}: there is no time zone "{zone}"',
                did_you_mean(zone, ZONES, "time zones"),
            )


def _texts(value: Value) -> Iterator[str]:
    """The expressions that are written out. An empty one takes the times before it away."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, tuple):
        for inner in value:
            yield from _texts(inner)
