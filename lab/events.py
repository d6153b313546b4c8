"""What the engine tells whoever is watching; the display and the tests read the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from homelab.lab.provider import Value

Op = Literal["create", "update", "replace", "delete", "same"]
"""Pulumi's own words. A replace is one event here; its parts are in `Step.parts`."""

Part = Literal["create-replacement", "replace", "delete-replaced", "remove-pending-replace"]


@dataclass(frozen=True)
class Step:
    """One resource's fate in this run."""

    op: Op
    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    diff: tuple[str, ...] = ()
    """Changed top-level properties."""
    replaces: tuple[str, ...] = ()
    old: dict[str, Value] = field(default_factory=dict)
    """Old inputs, secrets shown as `[secret]`."""
    new: dict[str, Value] = field(default_factory=dict)
    hide: tuple[str, ...] = ()
    """Properties whose difference the program asked to hide (hide_diffs)."""
    parts: tuple[Part, ...] = ()
    """What this event covers of a replace, in the engine's own words. The deletion of the old one,
    before or long after, is an event of its own with the same op."""


@dataclass(frozen=True)
class Started:
    """A step that takes time has begun (apply only)."""

    step: Step


@dataclass(frozen=True)
class Finished:
    """A step is done and recorded; in preview, it is what would be done."""

    step: Step
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A step failed; nothing of it is recorded as done."""

    step: Step
    error: str


@dataclass(frozen=True)
class Skipped:
    """Not tried, because something it depends on failed."""

    urn: str
    because: str


@dataclass(frozen=True)
class Message:
    """What the program or the engine says (pulumi.log, warnings, the program's own error)."""

    severity: Literal["debug", "info", "warning", "error"]
    text: str
    urn: str = ""


Event = Started | Finished | Failed | Skipped | Message
Listener = Callable[[Event], None]
