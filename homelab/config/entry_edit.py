"""Add an entry to a section of a stack file's text. Comments and layout stay."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node

_WIDTH = 10**9


def entry_text(name: str, value: Mapping[str, object], indent: int = 0) -> str:
    """An entry as YAML, with each of its keys on a line."""
    lines = [f"{name}:", *(f"  {key}: {_flow(inner)}" for key, inner in value.items())]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _flow(value: object) -> str:
    text = _dumped(value)
    return _dumped(value, '"') if text.startswith("'") else text


def _dumped(value: object, style: str | None = None) -> str:
    made = yaml.safe_dump(
        value,
        sort_keys=False,
        default_flow_style=True,
        default_style=style,
        width=_WIDTH,
        allow_unicode=True,
    )
    return str(made).removesuffix("\n").removesuffix("\n...")


def with_entry(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    """The text of a stack file with an entry in a section, before its other entries. Empty if its
    form allows no edit that changes this alone, or if the entry is there.
    """
    try:
        edited = _edited(text, section, name, value)
        is_right = yaml_data(edited) == _expected(text, section, name, value)
    except (UnreadableError, KeyError):
        return ""
    return edited if is_right else ""


def with_entry_replaced(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    """The text of a stack file with another entry in place of the present one. Empty if its form
    allows no edit that changes this alone.
    """
    try:
        present = _inner(_inner(yaml_node(text), "config"), f"homelab:{section}")
        if not isinstance(present, yaml.MappingNode) or present.flow_style:
            return ""
        key, old = next((k, v) for k, v in present.value if k.value == name)
        lines = text.split("\n")
        column = key.start_mark.column
        lines[key.start_mark.line : _last_line(old) + 1] = [
            entry_text(name, value, column).rstrip("\n")
        ]
        edited = "\n".join(lines)
        whole = dict(mapping(yaml_data(text)))
        config = dict(mapping(whole["config"]))
        entries = {**mapping(config[f"homelab:{section}"])}
        entries[name] = yaml_data(yaml.safe_dump(dict(value)))
        expected = {**whole, "config": {**config, f"homelab:{section}": entries}}
        return edited if yaml_data(edited) == expected else ""
    except (UnreadableError, KeyError, StopIteration):
        return ""


def _last_line(node: yaml.Node) -> int:
    """The last line of a value. A block's own end is the start of what follows it."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    return int(node.end_mark.line)


def _edited(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    config = _inner(yaml_node(text), "config")
    if not isinstance(config, yaml.MappingNode) or config.flow_style:
        return text
    found = _inner(config, f"homelab:{section}")
    lines = text.split("\n")
    if isinstance(found, yaml.MappingNode) and found.value and not found.flow_style:
        at, column = found.start_mark.line, found.start_mark.column
        lines.insert(at, entry_text(name, value, column).rstrip("\n"))
        return "\n".join(lines)
    column = config.start_mark.column
    whole = f"{' ' * column}homelab:{section}:\n{entry_text(name, value, column + 2)}".rstrip("\n")
    if found is None:
        lines.insert(config.start_mark.line, whole)
        return "\n".join(lines)
    key = next(k for k, v in config.value if v is found)
    if (
        isinstance(found, yaml.MappingNode) and found.value
    ) or key.start_mark.line != found.end_mark.line:
        return text
    lines[key.start_mark.line] = whole
    return "\n".join(lines)


def _inner(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _expected(text: str, section: str, name: str, value: Mapping[str, object]) -> dict[str, object]:
    whole = dict(mapping(yaml_data(text)))
    config = dict(mapping(whole["config"]))
    entries = mapping(config.get(f"homelab:{section}"))
    if name in entries:
        raise KeyError(name)
    config[f"homelab:{section}"] = {**entries, name: yaml_data(yaml.safe_dump(dict(value)))}
    return {**whole, "config": config}
