"""Change values in the text of a stack file. Comments and layout of everything else stay.

Every function returns an empty text if the form of the file allows no edit that changes the named
values alone: an anchor or an alias would change others, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec

import yaml

from homelab.config.document import NAMESPACE
from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node

Place = tuple[str, ...]
"""A section of the stack, then keys: `("nixpkgs", "default", "url")`."""
_Args = ParamSpec("_Args")


def _of_readable(edit: Callable[_Args, str]) -> Callable[_Args, str]:
    """The edit; empty for a text that is not YAML, before or after it."""

    @wraps(edit)
    def edited(*args: _Args.args, **more: _Args.kwargs) -> str:
        try:
            return edit(*args, **more)
        except UnreadableError:
            return ""

    return edited


@_of_readable
def with_values(text: str, edits: Mapping[Place, object]) -> str:
    """The text with these values, each in place of the present one, or added."""
    for place, value in edits.items():
        text = _checked(text, _set(text, place, _flow(value)), place, value)
        if not text:
            return ""
    return text


@_of_readable
def with_added(text: str, place: Place, value: object) -> str:
    """The text with a value at a place that has none. Mappings on the way are made. Empty also if
    there is a value.
    """
    _, rest = _walk(yaml_node(text), place)
    if not rest:
        return ""
    # Text of its own is quoted, so that every parser reads it as text.
    style = '"' if isinstance(value, str) and len(rest) == 1 else None
    nested = value
    for key in reversed(rest[1:]):
        nested = {key: nested}
    holder = place[: len(place) - len(rest) + 1]
    return _checked(text, _set(text, holder, _flow(nested, style)), place, value)


@_of_readable
def with_key(text: str, place: Place, key: str) -> str:
    """The text with another key in place of the last one of a place; its value stays. Empty also if
    the place has no value, or the new key has one.
    """
    holder, above = _walk(yaml_node(text), place[:-1])
    if above or not isinstance(holder, yaml.MappingNode):
        return ""
    found = [name for name, _ in holder.value if name.value == place[-1]]
    if len(found) != 1 or any(name.value == key for name, _ in holder.value):
        return ""
    style = found[0].style if found[0].style in ("'", '"') else None
    start, end = _at(text, found[0].start_mark), _at(text, found[0].end_mark)
    edited = text[:start] + _flow(key, style) + text[end:]
    whole = dict(mapping(yaml_data(text)))
    section = place[0] if place[0] in mapping(whole.get("config")) else NAMESPACE + place[0]
    keys = ["config", section, *place[1:-1]]
    inner: object = whole
    for name in keys:
        inner = mapping(inner).get(name)
    _put(whole, keys, {key if k == place[-1] else k: v for k, v in mapping(inner).items()})
    return edited if yaml_data(edited) == whole else ""


@_of_readable
def with_host(text: str, place: Place, host: str) -> str:
    """The text with another host at a place such as `services.news.host`, in the quotes that the
    present one has. Empty also if there is no value.
    """
    node, rest = _walk(yaml_node(text), place)
    if rest or not isinstance(node, yaml.ScalarNode):
        return ""
    quote = node.style if node.style in ("'", '"') else ""
    return _checked(text, _set(text, place, f"{quote}{host}{quote}"), place, host)


@_of_readable
def with_entry(text: str, place: Place, value: Mapping[str, object]) -> str:
    """The text with an entry of a section, `("hosts", "nas")`, before its other entries, each of
    its keys on a line. Empty also if the entry is there.
    """
    root = yaml_node(text)
    config = _inner(root, ("config",))
    node, rest = _walk(root, place)
    if not rest or not isinstance(config, yaml.MappingNode) or config.flow_style:
        return ""
    lines, column, name = text.split("\n"), config.start_mark.column, place[-1]
    whole = f"{' ' * column}{NAMESPACE}{place[0]}:\n{entry_text(name, value, column + 2)}"
    if node is config:
        lines.insert(config.start_mark.line, whole.rstrip("\n"))
    elif isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        entry = entry_text(name, value, node.start_mark.column)
        lines.insert(node.start_mark.line, entry.rstrip("\n"))
    else:
        # The section has no entries: its line is written anew.
        key = next(k for k, v in config.value if v is node)
        if node is None or node.value or key.start_mark.line != node.end_mark.line:
            return ""
        lines[key.start_mark.line] = whole.rstrip("\n")
    return _checked(text, "\n".join(lines), place, value)


@_of_readable
def with_entry_replaced(text: str, place: Place, value: Mapping[str, object]) -> str:
    """The text with another entry in place of the present one. Empty also if there is none."""
    section, rest = _walk(yaml_node(text), place[:1])
    if rest or not isinstance(section, yaml.MappingNode) or section.flow_style:
        return ""
    key, old = next((e for e in section.value if e[0].value == place[-1]), (None, None))
    if key is None or old is None:
        return ""
    lines = text.split("\n")
    entry = entry_text(place[-1], value, key.start_mark.column)
    lines[key.start_mark.line : _last_line(old) + 1] = [entry.rstrip("\n")]
    return _checked(text, "\n".join(lines), place, value)


def entry_text(name: str, value: Mapping[str, object], indent: int = 0) -> str:
    """An entry as YAML, with each of its keys on a line."""
    lines = [f"{name}:", *(f"  {key}: {_double_quoted(inner)}" for key, inner in value.items())]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def lines_to_add(values: Mapping[Place, object]) -> str:
    """The values as YAML, for a person to add."""
    whole: dict[str, object] = {}
    for (section, *keys), value in values.items():
        _put(whole, [NAMESPACE + section, *keys], value)
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100)


def _walk(root: yaml.Node | None, place: Place) -> tuple[yaml.Node | None, tuple[str, ...]]:
    """The innermost node on the way to a place, and the keys that it lacks."""
    node = _inner(root, ("config",))
    names = [(NAMESPACE + place[0], place[0]), *((key,) for key in place[1:])]
    for depth, alike in enumerate(names):
        inner = _inner(node, alike)
        if inner is None:
            return node, (alike[0], *place[depth + 1 :])
        node = inner
    return node, ()


def _inner(node: yaml.Node | None, keys: tuple[str, ...]) -> yaml.Node | None:
    """The value of the first of these keys in a mapping."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value in keys), None)


def _set(text: str, place: Place, value: str) -> str:
    """The text with a value as YAML at a place: in place of the present one, or before the other
    entries of the mapping that lacks it, in the mapping's own form. Raises UnreadableError.
    """
    node, rest = _walk(yaml_node(text), place)
    if node is None:
        return text
    start, end = _at(text, node.start_mark), _at(text, node.end_mark)
    if not rest:
        # The end of a block is the start of what follows it.
        kept = text[start:end]
        return text[:start] + value + kept[len(kept.rstrip()) :] + text[end:]
    if not isinstance(node, yaml.MappingNode):
        return text
    for key in reversed(rest[1:]):
        value = f"{{{key}: {value}}}"
    entry = f"{rest[0]}: {value}"
    if node.flow_style:
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    return f"{text[:start]}{entry}\n{' ' * node.start_mark.column}{text[start:]}"


def _at(text: str, mark: yaml.Mark) -> int:
    """The position of a mark. YAML also ends lines at characters that no stack file may contain."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: mark.line]) + mark.column


def _last_line(node: yaml.Node) -> int:
    """The last line of a value. A block's own end is the start of what follows it."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    return int(node.end_mark.line)


def _flow(value: object, style: str | None = None) -> str:
    made = yaml.safe_dump(
        value,
        sort_keys=False,
        default_flow_style=True,
        default_style=style,
        width=10**9,
        allow_unicode=True,
    )
    return str(made).removesuffix("\n").removesuffix("\n...")


def _double_quoted(value: object) -> str:
    """The value, in double quotes if it needs any."""
    text = _flow(value)
    return _flow(value, '"') if text.startswith("'") else text


def _checked(text: str, edited: str, place: Place, value: object) -> str:
    """The edited text, if its data are those of the text with this value alone changed."""
    whole = dict(mapping(yaml_data(text)))
    config = mapping(whole.get("config"))
    section = place[0] if place[0] in config else NAMESPACE + place[0]
    # As the parser returns it.
    _put(whole, ["config", section, *place[1:]], yaml_data(yaml.safe_dump(value)))
    return edited if yaml_data(edited) == whole else ""


def _put(whole: dict[str, object], keys: Sequence[str], value: object) -> None:
    """Set a value below keys. What is no mapping on the way becomes one."""
    here = whole
    for key in keys[:-1]:
        inner = here.get(key)
        # A copy: with an anchor, one mapping is the value of several keys.
        copied = dict(inner) if isinstance(inner, dict) else {}
        here[key] = copied
        here = copied
    here[keys[-1]] = value
