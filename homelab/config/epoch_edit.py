"""Raise an epoch in the text of a stack file. Comments and layout stay."""

from __future__ import annotations

import copy

import yaml

from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node

_SECTIONS = ("homelab:secrets", "secrets")


def with_epoch(text: str, key: str, epoch: int) -> str:
    """The text of a stack file with `secrets.epochs.<key>` set. Empty if its form allows no edit
    that changes this value alone.
    """
    try:
        edited = _edited(text, key, epoch)
        is_right = yaml_data(edited) == _expected(text, key, epoch)
    except UnreadableError:
        return ""
    return edited if is_right else ""


def _edited(text: str, key: str, epoch: int) -> str:
    config = inner(yaml_node(text), ("config",))
    section = inner(config, _SECTIONS)
    epochs = inner(section, ("epochs",))
    entry = f"{key}: {epoch}"
    if section is None:
        return _before_the_first(text, config, f"homelab:secrets: {{epochs: {{{entry}}}}}")
    if epochs is None:
        return _before_the_first(text, section, f"epochs: {{{entry}}}")
    present = inner(epochs, (key,))
    if present is not None:
        start, end = position(text, present.start_mark), position(text, present.end_mark)
        return text[:start] + str(epoch) + text[end:]
    return _before_the_first(text, epochs, entry)


def inner(node: yaml.Node | None, keys: tuple[str, ...]) -> yaml.Node | None:
    """The value of the first of these keys in a mapping."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value in keys), None)


def _before_the_first(text: str, node: yaml.Node | None, entry: str) -> str:
    """The text with an entry before the others of a mapping, in the mapping's own form."""
    if not isinstance(node, yaml.MappingNode):
        return text
    start = position(text, node.start_mark)
    if node.flow_style:
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    return f"{text[:start]}{entry}\n{' ' * node.start_mark.column}{text[start:]}"


def position(text: str, mark: yaml.Mark) -> int:
    """The position of a mark. YAML also ends lines at characters that no stack file may contain."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: mark.line]) + mark.column


def _expected(text: str, key: str, epoch: int) -> dict[str, object]:
    whole = copy.deepcopy(dict(mapping(yaml_data(text))))
    config = dict(mapping(whole.get("config")))
    name = next((n for n in _SECTIONS if n in config), _SECTIONS[0])
    section = dict(mapping(config.get(name)))
    section["epochs"] = {**mapping(section.get("epochs")), key: epoch}
    return {**whole, "config": {**config, name: section}}
