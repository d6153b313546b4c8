"""Dashboard: the planned tiles."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class DashboardPlan:
    """The tiles in order, by group."""

    service: str
    """The service that shows them: homepage, or glance."""
    host: str
    title: str
    groups: tuple[tuple[str, tuple[Tile, ...]], ...]
    skipped: tuple[tuple[str, str], ...]
