"""Dashboard: the planned tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue


@dataclass(frozen=True)
class Tile:
    """One tile."""

    title: str
    url: str
    icon: str
    description: str
    group: str
    probe: str
    """URL that the dashboard requests to show whether the app is up; empty for none."""
    source: str
    chosen: bool
    """The stack config names the group. Otherwise the facts of the service do."""
    widget: Mapping[str, JsonValue] = field(default_factory=dict)
    """What Homepage shows of the app; empty for nothing."""


@dataclass(frozen=True)
class DashboardPlan:
    """The tiles in order, by group."""

    service: str
    """The service that shows them: homepage, or glance."""
    host: str
    title: str
    groups: tuple[tuple[str, tuple[Tile, ...]], ...]
    skipped: tuple[tuple[str, str], ...]


def secret_name(value: Mapping[str, JsonValue]) -> str | None:
    """The secret that `{$secret: name}` names; None for another value."""
    name = value.get("$secret")
    return name if isinstance(name, str) and len(value) == 1 else None
