"""Times in which a deployment may switch a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from homelab.problems import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANY_TIME = "HOMELAB_ANY_TIME"
"""Environment variable of the deployer that opens every window: 1 or true."""
_OPEN, _AS_STATED = ("1", "true"), ("", "0", "false")


@dataclass(frozen=True)
class Window:
    """A part of the day, in the time zone of the homelab. It may end on the next day."""

    days: tuple[str, ...]
    """Days on which it starts, of `DAYS`."""
    start: str
    """`22:00`."""
    end: str

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at this local time."""
        time = f"{now:%H:%M}"
        today, before = DAYS[now.weekday()], DAYS[(now - timedelta(days=1)).weekday()]
        if self.start < self.end:
            return today in self.days and self.start <= time < self.end
        started = today in self.days and time >= self.start
        return started or (before in self.days and time < self.end)

    def __str__(self) -> str:
        on = "" if self.days == DAYS else f" on {', '.join(self.days)}"
        return f"{self.start} to {self.end}{on}"


def opens_all(environment: Mapping[str, str]) -> bool:
    """Whether `HOMELAB_ANY_TIME` opens every window. Raises UsageError for a value with another
    meaning than yes or no: `no` or a time must not open them.
    """
    value = environment.get(ANY_TIME, "")
    if value.lower() in _OPEN:
        return True
    if value.lower() in _AS_STATED:
        return False
    raise UsageError(
        f'{ANY_TIME} is "{value}", which is neither 1 nor 0; write {ANY_TIME}=1 to deploy outside '
        "of deploy.windows, or unset it"
    )


def closed(windows: Sequence[Window], now: datetime) -> str:
    """Why no host may be switched at this local time; empty if one may."""
    if not windows or any(window.is_open(now) for window in windows):
        return ""
    return (
        f"deploy.windows allows a switch from {' and from '.join(map(str, windows))}, and it is "
        f"{DAYS[now.weekday()]} {now:%H:%M} ({now.tzinfo}); run pulumi up again then, or now with "
        f"{ANY_TIME}=1 pulumi up"
    )
