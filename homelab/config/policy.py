"""`homelab:policy`: exceptions from checks and from the security baseline, each until a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Model, Name, Reason, Str, pattern


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


Day = Annotated[
    Str,
    pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", 'this is not a day; write "2026-12-31", in quotes'),
]
CheckId = Annotated[
    Str,
    pattern(
        r"SEC-[A-Z]+-[0-9]{3}|[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "this is not the id of a rule; write it as the message shows it: SEC-SSH-005",
    ),
]


def _real(model: Model, *names: str) -> None:
    for name in names:
        if not _is_day(getattr(model, name)):
            raise ValueError(f"{name} is not in the calendar; write a day that exists")


class Disable(Model):
    """One exception: a rule that does not apply, with the reason and the last day."""

    id: CheckId
    """Id of a rule of the security baseline (`SEC-SSH-005`), of a check that is never an error, or
    of one that only reads the text of options and modules."""
    reason: Reason
    """Why the rule does not apply here."""
    until: Day
    """Last day of the exception, in quotes: `"2026-12-31"`. After it the exception is an error."""
    hosts: list[Name] = Field(default_factory=list)
    """Hosts that it applies to. Default: all of them."""

    @model_validator(mode="after")
    def _days(self) -> Disable:
        _real(self, "until")
        return self


class Tinker(Model):
    """Tinker mode: some hosts are open to the LAN for a few days, for experiments.

    Wheel's sudo asks for no password, and all ports are open to the LAN. Both end on the host
    itself after the last day, also without another `pulumi up`. Rules of the security baseline are
    warnings meanwhile.
    """

    enabled_at: Day
    """First day, in quotes: `"2026-03-01"`."""
    hosts: Annotated[list[Name], Field(min_length=1)]
    """Hosts in tinker mode."""
    max_days: Annotated[int, Field(ge=1, le=7)] = 7
    """Number of days, with the first one. After them the stack has an error until tinker mode is
    removed."""

    @model_validator(mode="after")
    def _days(self) -> Tinker:
        _real(self, "enabled_at")
        return self

    @property
    def last_day(self) -> str:
        """The last day of tinker mode."""
        return (date.fromisoformat(self.enabled_at) + timedelta(days=self.max_days - 1)).isoformat()

    @property
    def end(self) -> str:
        """The day at whose start it has ended."""
        return (date.fromisoformat(self.enabled_at) + timedelta(days=self.max_days)).isoformat()


class PolicyConfig(Model):
    """`homelab:policy`."""

    production: bool = False
    """This stack is in production: tinker mode is refused."""
    disable: list[Disable] = Field(default_factory=list)
    """Rules that do not apply, each with the reason and the last day."""
    tinker: Tinker | None = None
