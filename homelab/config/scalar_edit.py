"""Change single values in the text of a stack file. Comments and layout stay."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping

import yaml

from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node

_PREFIX = "homelab:"
Place = tuple[str, ...]


def with_scalars(text: str, edits: Mapping[Place, str]) -> str:
    """The text with these texts in place of present ones, each by section and keys. Empty if its
    form allows no edit that changes these values alone.
    """
    try:
        spots = [(_spot(text, place), json.dumps(value)) for place, value in edits.items()]
        if any(spot is None for spot, _ in spots):
            return ""
        edited = text
        for spot, value in sorted(((s, v) for s, v in spots if s is not None), reverse=True):
            edited = edited[: spot[0]] + value + edited[spot[1] :]
        is_right = yaml_data(edited) == _expected(text, edits)
    except UnreadableError:
        return ""
    return edited if is_right else ""


def _spot(text: str, place: Place) -> tuple[int, int] | None:
    """Start and end of a value in the text."""
    node: yaml.Node | None = yaml_node(text)
    for keys in (("config",), (f"{_PREFIX}{place[0]}", place[0]), *((k,) for k in place[1:])):
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value in keys), None)
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        return None
    return offset(text, node.start_mark), offset(text, node.end_mark)


def offset(text: str, mark: yaml.Mark) -> int:
    """The position of a mark. YAML also ends lines at characters that no stack file may contain."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: mark.line]) + mark.column


def _expected(text: str, edits: Mapping[Place, str]) -> object:
    whole = copy.deepcopy(dict(mapping(yaml_data(text))))
    config = mapping(whole.get("config"))
    for place, value in edits.items():
        section = next((n for n in (f"{_PREFIX}{place[0]}", place[0]) if n in config), "")
        holder = mapping(config.get(section))
        for key in place[1:-1]:
            holder = mapping(holder.get(key))
        if isinstance(holder, dict):
            holder[place[-1]] = value
    return whole
