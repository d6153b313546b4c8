"""The interface between the embedded engine and a provider.

A stand-in sees plain values: the engine removes the secret and output wrappers and puts them back
afterwards. Property names are those of the protocol (camelCase).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol


class Unknown:
    """A value that is known only after an apply. It equals only itself."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

Value = str | float | bool | None | list["Value"] | dict[str, "Value"] | Unknown
Properties = Mapping[str, Value]


class RefusedError(Exception):
    """A request that the real provider refuses, with its message. Contains no secret."""


@dataclass(frozen=True)
class Diff:
    """Which top-level properties changed, and which of those replace the resource."""

    changes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False


@dataclass(frozen=True)
class Created:
    """A resource that now exists."""

    id: str
    outputs: Properties
    secrets: frozenset[str] = field(default_factory=frozenset)
    """Outputs that the provider marks as secret."""


class Provider(Protocol):
    """One package's stand-in (`cloudflare`, `command`, …). Called from several threads."""

    package: str

    def check(self, type_: str, inputs: Properties) -> list[str]:
        """Problems that the real provider reports before anything runs; empty if there are none."""

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        """Compare the inputs of the last apply with new inputs. Values may be UNKNOWN."""

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        """Create the resource. Raises RefusedError where the real provider refuses."""

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        """Update the resource in place."""

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        """Delete the resource."""

    def invoke(self, token: str, args: Properties) -> Properties:
        """Answer a function call. Raises RefusedError for an unknown function."""
