"""Read a compose file: every scalar as it is written, with its line and its variables replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from homelab.plaintext import UnreadableError, yaml_node

Place = tuple[str, ...]
Tree = str | None | list["Tree"] | dict[str, "Tree"]
"""A value of a compose file. Scalars are texts: `"22:22"` is no number."""
_NULLS = ("", "~", "null", "Null", "NULL")
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<rule>:?[-+?])(?P<text>[^{}]*))?\})"
)


@dataclass(frozen=True)
class Note:
    """What a compose file says and the service does not, or something that the owner has to do."""

    line: int
    place: str
    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.line}: {self.place}: {self.what}; {self.way_out}"


@dataclass
class ComposeFile:
    """A compose file, and what is noted about it."""

    values: dict[str, Tree]
    lines: Mapping[Place, int]
    notes: list[Note] = field(default_factory=list)

    def note(self, place: Place, what: str, way_out: str) -> None:
        """Note something, with the line of the nearest place that the file has."""
        near = place
        while near and near not in self.lines:
            near = near[:-1]
        self.notes.append(Note(self.lines.get(near, 1), ".".join(place), what, way_out))

    def section(self, name: str) -> dict[str, Tree]:
        """A mapping at the top of the file; empty if it has none."""
        found = self.values.get(name)
        return found if isinstance(found, dict) else {}


def read_compose(text: str | bytes, variables: Mapping[str, str]) -> ComposeFile:
    """The values of a compose file with these variables. Raises UnreadableError."""
    root = yaml_node(text)
    if not isinstance(root, yaml.MappingNode):
        raise UnreadableError("it is no compose file: it has no mapping of services", 1)
    lines: dict[Place, int] = {}
    values = _read(root, (), lines)
    assert isinstance(values, dict)
    made = ComposeFile(values, lines)
    if not made.section("services"):
        raise UnreadableError("it is no compose file: it has no services", 1)
    made.values = {k: _replaced(v, (k,), variables, made) for k, v in values.items()}
    return made


def _read(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Tree:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_read(n, (*place, str(i)), lines) for i, n in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        is_null = node.tag == "tag:yaml.org,2002:null" and node.value in _NULLS
        return None if is_null else str(node.value)
    merged: dict[str, Tree] = {}
    own: dict[str, Tree] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        if key.tag == "tag:yaml.org,2002:merge":
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _read(one, place, lines)
                merged = {**(found if isinstance(found, dict) else {}), **merged}
        else:
            lines[(*place, name)] = key.start_mark.line + 1
            own[name] = _read(value, (*place, name), lines)
    return {**merged, **own}


def _replaced(value: Tree, place: Place, variables: Mapping[str, str], file: ComposeFile) -> Tree:
    if isinstance(value, dict):
        return {k: _replaced(v, (*place, k), variables, file) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, (*place, str(i)), variables, file) for i, v in enumerate(value)]
    if value is None:
        return None

    def filled(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, rule, text = match["plain"] or match["name"], match["rule"] or "", match["text"] or ""
        known = variables.get(name)
        is_set = bool(known) if rule.startswith(":") else known is not None
        if rule.endswith("+"):
            return text if is_set else ""
        if is_set:
            return known or ""
        if rule.endswith("-"):
            return text
        file.note(
            place,
            f"the variable {name} has no value" + (f": {text}" if text else ""),
            f"write {name}=… into the file of --env-file, or complete the setting below",
        )
        return ""

    return _VARIABLE.sub(filled, value)


def pairs(value: Tree) -> Iterator[tuple[str, str | None]]:
    """The names and values of a mapping, or of a list of `NAME=value`."""
    if isinstance(value, dict):
        for name, found in value.items():
            yield name, found if isinstance(found, str) else None
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str):
            name, is_set, text = item.partition("=")
            yield name, text if is_set else None


def words(value: Tree) -> list[str]:
    """The texts of a list, or one text."""
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def env_values(text: str) -> dict[str, str]:
    """The variables of an `.env` file."""
    found = {}
    for line in text.splitlines():
        name, is_set, value = line.strip().removeprefix("export ").partition("=")
        if not is_set or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        found[name.strip()] = value
    return found
