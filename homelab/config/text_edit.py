"""Set values in the text of a stack file. Comments and layout of everything else stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import yaml

from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node

Place = tuple[str, ...]
"""A section of the stack, then keys: `("nixpkgs", "default", "url")`."""
_PREFIX = "homelab:"


def with_values(text: str, edits: Mapping[Place, object]) -> str:
    """The text with these values, each set in place of the present one or added. Empty if its form
    allows no edit that changes these values alone.
    """
    for place, value in edits.items():
        text = _with_value(text, place, value)
        if not text:
            return ""
    return text


def _with_value(text: str, place: Place, value: object) -> str:
    try:
        edited = _edited(text, place, value)
        is_right = yaml_data(edited) == _expected(text, place, value)
    except UnreadableError:
        return ""
    return edited if is_right else ""


def _edited(text: str, place: Place, value: object) -> str:
    node: yaml.Node | None = _inner(yaml_node(text), ("config",))
    keys = [(f"{_PREFIX}{place[0]}", place[0]), *((key,) for key in place[1:])]
    for depth, names in enumerate(keys):
        inner = _inner(node, names)
        if inner is None:
            return _added(text, node, _nested([names[0], *place[depth + 1 :]], value))
        node = inner
    if node is None:
        return text
    start, end = _at(text, node.start_mark), _at(text, node.end_mark)
    # The end of a block is the start of what follows it.
    kept = text[start:end]
    return text[:start] + _flow(value) + kept[len(kept.rstrip()) :] + text[end:]


def _inner(node: yaml.Node | None, keys: tuple[str, ...]) -> yaml.Node | None:
    """The value of the first of these keys in a mapping."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value in keys), None)


def _nested(keys: list[str], value: object) -> str:
    """An entry of nested mappings: `a: {b: {c: value}}`."""
    inner = _flow(value)
    for key in reversed(keys[1:]):
        inner = f"{{{key}: {inner}}}"
    return f"{keys[0]}: {inner}"


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _added(text: str, node: yaml.Node | None, entry: str) -> str:
    """The text with an entry before the others of a mapping, in the mapping's own form."""
    if not isinstance(node, yaml.MappingNode):
        return text
    start = _at(text, node.start_mark)
    if node.flow_style:
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    return f"{text[:start]}{entry}\n{' ' * node.start_mark.column}{text[start:]}"


def _at(text: str, mark: yaml.Mark) -> int:
    """The position of a mark. YAML also ends lines at characters that no stack file may contain."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: mark.line]) + mark.column


def _expected(text: str, place: Place, value: object) -> object:
    whole = copy.deepcopy(dict(mapping(yaml_data(text))))
    config = mapping(whole.get("config"))
    section = next((n for n in (f"{_PREFIX}{place[0]}", place[0]) if n in config), None)
    holder = config
    for key in (section or f"{_PREFIX}{place[0]}", *place[1:-1]):
        inner = holder.get(key)
        if not isinstance(inner, dict):
            inner = {}
            if isinstance(holder, dict):
                holder[key] = inner
        holder = inner
    if isinstance(holder, dict):
        holder[place[-1]] = value
    return whole
