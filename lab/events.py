"""Events of the engine, for the display and for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from homelab.lab.provider import Value

Op = Literal["create", "update", "replace", "delete", "same"]
"""Pulumi's names. A replacement is one event; its parts are in `Step.parts`."""

Part = Literal["create-replacement", "replace", "delete-replaced", "remove-pending-replace"]


@dataclass(frozen=True)
class Step:
    """What happens to one resource in this run."""

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
    """Properties whose difference is hidden (`hide_diffs`)."""
    parts: tuple[Part, ...] = ()
    """Parts of a replacement in this event, with Pulumi's names. The deletion of the old
    resource is a separate event with the same `op`."""


@dataclass(frozen=True)
class Started:
    """A step has started (only in `up` and `destroy`)."""

    step: Step


@dataclass(frozen=True)
class Finished:
    """A step is done and recorded. In a preview: a step that would be done."""

    step: Step
    seconds: float = 0.0
    printed: str = ""
    """What a local command printed, unless it is secret."""


@dataclass(frozen=True)
class Failed:
    """A step failed. It is not recorded as done."""

    step: Step
    error: str


@dataclass(frozen=True)
class Skipped:
    """A resource was skipped, because a dependency failed."""

    urn: str
    because: str


@dataclass(frozen=True)
class Message:
    """A message of the program or the engine: `pulumi.log`, a warning, an error of the program."""

    severity: Literal["debug", "info", "warning", "error"]
    text: str
    urn: str = ""


Event = Started | Finished | Failed | Skipped | Message
Listener = Callable[[Event], None]
