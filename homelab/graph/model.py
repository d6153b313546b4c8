"""A picture: nodes in columns, boxes around them, and edges from left to right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["network", "host", "service", "name", "target", "off"]
"""How a node is drawn. off: something that does not run, or is not kept."""


@dataclass(frozen=True)
class Node:
    """A node of a picture."""

    key: str
    lines: tuple[str, ...]
    """Its text. The first line is its title."""
    column: int
    kind: Kind
    box: str = ""
    """Title of the box around it and its neighbours, or empty."""


@dataclass(frozen=True)
class Edge:
    """An edge between two nodes, by their keys."""

    start: str
    end: str
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture of one subject."""

    title: str
    columns: tuple[str, ...]
    """Title of each column."""
    nodes: tuple[Node, ...] = field(default=())
    edges: tuple[Edge, ...] = field(default=())
    """Their ends are nodes of the picture."""
