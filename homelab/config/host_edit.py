"""Change the host of a service in the text of a stack file. Comments and layout stay."""

from __future__ import annotations

import copy

import yaml

from homelab.config.document import NAMESPACE
from homelab.config.epoch_edit import inner, position
from homelab.plaintext import UnreadableError, mapping, yaml_data, yaml_node


def with_host(text: str, place: str, host: str) -> str:
    """The text of a stack file with another host at a place such as `services.news.host`. Empty if
    its form allows no edit that changes this value alone.
    """
    section, *keys = place.split(".")
    try:
        node = inner(inner(yaml_node(text), ("config",)), (NAMESPACE + section, section))
        for key in keys:
            node = inner(node, (key,))
        if not isinstance(node, yaml.ScalarNode):
            return ""
        start, end = position(text, node.start_mark), position(text, node.end_mark)
        quote = node.style if node.style in ("'", '"') else ""
        edited = f"{text[:start]}{quote}{host}{quote}{text[end:]}"
        # An anchor or an alias would change other values, too.
        return edited if yaml_data(edited) == _expected(text, section, keys, host) else ""
    except UnreadableError:
        return ""


def _expected(text: str, section: str, keys: list[str], host: str) -> object:
    whole = copy.deepcopy(dict(mapping(yaml_data(text))))
    config = whole["config"]
    name = NAMESPACE + section if NAMESPACE + section in mapping(config) else section
    place = config
    for key in (name, *keys[:-1]):
        place = place[key] if isinstance(place, dict) else {}
    if isinstance(place, dict):
        place[keys[-1]] = host
    return whole
