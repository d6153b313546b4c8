"""Dashboard: what the stack config says, and what the plan knows."""

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
    """URL that the dashboard asks to show up or down; empty for none."""
    source: str


@dataclass(frozen=True)
class DashboardPlan:
    """The tiles in order, by group."""

    host: str
    title: str
    groups: tuple[tuple[str, tuple[Tile, ...]], ...]
    skipped: tuple[tuple[str, str], ...]
