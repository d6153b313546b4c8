"""URNs: `urn:pulumi:STACK::PROJECT::TYPES::NAME`.

TYPES are the types of the parents and of the resource itself, joined by `$`, without the stack's.
"""

from __future__ import annotations

from typing import Final

STACK: Final = "pulumi:pulumi:Stack"
"""Type of the root resource."""


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; `parent` is a URN, or empty."""
    above = types_of(parent) if parent else STACK
    types = type_ if above == STACK else f"{above}${type_}"
    return f"urn:pulumi:{stack}::{project}::{types}::{name}"


def types_of(urn: str) -> str:
    """The types of a resource and of those above it, joined by `$`."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """The resource's own type."""
    return types_of(urn).rpartition("$")[2]


def name_of(urn: str) -> str:
    """The name that the program gave it."""
    return urn.split("::", 3)[3]


def below(parent: str, urn: str) -> str:
    """The URN of a child after its parent's URN changed to `parent`."""
    stack, project = urn.split("::", 3)[:2]
    return make_urn(stack.rpartition(":")[2], project, parent, type_of(urn), name_of(urn))
