"""What the embedded engine asks of a provider, and what a provider may answer.

A stand-in sees plain values: the engine has already removed the secret and output wrappers of the
wire format and puts them back afterwards. Property names are the wire's (camelCase).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol


class Unknown:
    """A value that only an apply can know; equal to nothing but itself."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

Value = str | float | bool | None | list["Value"] | dict[str, "Value"] | Unknown
Properties = Mapping[str, Value]


class RefusedError(Exception):
    """What a real provider would have refused, in its own words. Never holds a secret value."""


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
    """Outputs that the provider itself marks as secret."""


class Provider(Protocol):
    """One package's stand-in (`cloudflare`, `command`, …). Called from several threads."""

    package: str

    def check(self, type_: str, inputs: Properties) -> list[str]:
        """Problems that the real provider would report before anything runs; empty when fine."""

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        """Compare the inputs of the last apply with those of this one; values may be UNKNOWN."""

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        """Make it; raise RefusedError where the real one would refuse."""

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        """Change it in place."""

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        """Remove it."""

    def invoke(self, token: str, args: Properties) -> Properties:
        """Answer a function call; raise RefusedError for one outside its list."""
