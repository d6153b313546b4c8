"""Add values to the text of a stack file. Comments and layout stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import yaml

from homelab.config.document import NAMESPACE
from homelab.config.epoch_edit import position
from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node


def with_value(text: str, place: str, value: object) -> str:
    """The text of a stack file with a value at a place that has none, such as
    `cloudflare.adopt.tunnel`. Mappings on the way are made.

    Empty if its form allows no edit that changes this alone, or if there is a value.
    """
    try:
        edited = _edited(text, place, value)
        is_right = yaml_data(edited) == _expected(text, place, value)
    except (UnreadableError, LookupError):
        return ""
    # An anchor or an alias would change other values, too.
    return edited if is_right else ""


def _edited(text: str, place: str, value: object) -> str:
    node, rest = _nearest(text, place)
    if not isinstance(node, yaml.MappingNode) or not rest or not node.value:
        return ""
    for key in reversed(rest[1:]):
        value = {key: value}
    start = position(text, node.start_mark)
    entry = f"{rest[0]}: {_flow(value)}"
    if node.flow_style:
        return f"{text[: start + 1]}{entry}, {text[start + 1 :]}"
    return f"{text[:start]}{entry}\n{' ' * node.start_mark.column}{text[start:]}"


def _nearest(text: str, place: str) -> tuple[yaml.Node | None, list[str]]:
    """The innermost mapping of the text on the way to a place, and the keys below it."""
    section, *keys = place.split(".")
    here = _inner(yaml_node(text), "config")
    for name in (NAMESPACE + section, section):
        if (found := _inner(here, name)) is not None:
            here = found
            break
    else:
        return here, [NAMESPACE + section, *keys]
    while keys and (found := _inner(here, keys[0])) is not None:
        here = found
        keys.pop(0)
    return here, keys


def _inner(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _flow(value: object) -> str:
    made = yaml.safe_dump(
        value,
        sort_keys=False,
        default_flow_style=True,
        default_style='"' if isinstance(value, str) else None,
        width=10**9,
        allow_unicode=True,
    )
    return str(made).removesuffix("\n").removesuffix("\n...")


def _expected(text: str, place: str, value: object) -> object:
    whole = copy.deepcopy(dict(mapping(yaml_data(text))))
    section, *keys = place.split(".")
    config = whole.setdefault("config", {})
    name = section if section in mapping(config) else NAMESPACE + section
    here = config
    for key in (name, *keys[:-1]):
        if not isinstance(here, dict):
            raise LookupError(key)
        here = here.setdefault(key, {})
    if not isinstance(here, dict) or keys[-1] in here:
        raise LookupError(keys[-1])
    here[keys[-1]] = value
    return whole


def lines_to_add(values: Mapping[str, object]) -> str:
    """The values as YAML, by place, for a person to add."""
    whole: dict[str, object] = {}
    for place, value in values.items():
        section, *keys = place.split(".")
        here = whole
        for key in (NAMESPACE + section, *keys[:-1]):
            inner = here.setdefault(key, {})
            assert isinstance(inner, dict)
            here = inner
        here[keys[-1]] = value
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100)
