"""Read a stack file exactly as Pulumi would, and remember the line of every value.

Pulumi reads YAML with Go's yaml.v3, whose plain scalars differ from PyYAML's: `22:30`, `no` and
`on` are text, `0644` is 420, `25.10` is the number 25.1. `tests/site/test_document.py` holds the
table that was recorded with the real engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import yaml

from homelab.problems import InvalidStackError, Problem

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML built without libyaml; slower, same values
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

Value: TypeAlias = "None | bool | int | float | str | list[Value] | dict[str, Value]"
Path_: TypeAlias = tuple[str | int, ...]

NAMESPACE = "homelab:"
_STR = "tag:yaml.org,2002:str"
_RESOLVER = yaml.SafeLoader("")


class Timestamp(str):
    """Text that YAML took for a date: an error wherever text is meant."""

    __slots__ = ()


@dataclass(frozen=True)
class Document:
    """The `homelab:*` values of one stack, and where each stands."""

    values: Mapping[str, Value]
    file: str = ""
    lines: Mapping[Path_, int] = field(default_factory=dict)
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Every setting of the stack by its whole key, those of other namespaces too."""

    def line(self, path: Path_) -> int:
        """Line of a value, or of the nearest thing around it; 0 when unknown."""
        for end in range(len(path), -1, -1):
            found = self.lines.get(path[:end])
            if found:
                return found
        return 0


def read_document(path: Path) -> Document:
    """The stack file's values and lines. Raises InvalidStackError for what is not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidStackError(
            [Problem(path.name, "there is no such file", _known_stacks(path))]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidStackError(
            [Problem(path.name, f"cannot be read: {type(error).__name__}", "check the file")]
        ) from None
    return parse_document(text, path.name)


def parse_document(text: str, file: str) -> Document:
    """As `read_document`, for text that is already there."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "this is not YAML"
        raise InvalidStackError(
            [
                Problem(
                    "YAML",
                    str(what),
                    "mind the indentation, and quote text that holds : or #",
                    file=file,
                    line=mark.line + 1 if mark else 0,
                )
            ]
        ) from None
    reader = _Reader(file)
    whole = reader.value(root, ()) if root is not None else {}
    config = whole.get("config") if isinstance(whole, dict) else None
    if not isinstance(config, dict):
        raise InvalidStackError(
            [
                Problem(
                    "config",
                    "the stack file has no settings",
                    "add config: with homelab:site: …",
                    file=file,
                    line=1,
                )
            ]
        )
    if reader.problems:
        raise InvalidStackError(reader.problems)
    values = {k[len(NAMESPACE) :]: v for k, v in config.items() if k.startswith(NAMESPACE)}
    lines: dict[Path_, int] = {(): reader.lines.get(("config",), 1)}
    for where, line in reader.lines.items():
        if len(where) > 1 and where[0] == "config" and str(where[1]).startswith(NAMESPACE):
            lines[(str(where[1])[len(NAMESPACE) :], *where[2:])] = line
    return Document(values, file, lines, config)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path_) -> Value:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.style or _is_tagged(node) else scalar(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> Value:
        out: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, child in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            line = key_node.start_mark.line + 1
            if key == "<<" and not key_node.style:
                sources = child.value if isinstance(child, yaml.SequenceNode) else [child]
                for source in sources:
                    inner = self.value(source, path)
                    merged = {**(inner if isinstance(inner, dict) else {}), **merged}
                continue
            where = ".".join(str(p) for p in (*path[1:], key))
            if key in out:
                self._problem(where, f'the key "{key}" stands here twice', "keep one", line)
            if key == "secure" and len(path) > 1:
                self._problem(
                    where,
                    "an encrypted value inside an object reaches the program as plain text",
                    "store it with sops and write a reference: {sops: path/in/file}",
                    line,
                )
                continue
            self.lines[(*path, key)] = line
            out[key] = self.value(child, (*path, key))
        return {**merged, **out}

    def _problem(self, where: str, what: str, way_out: str, line: int) -> None:
        where = where.removeprefix(NAMESPACE) or "config"
        self.problems.append(Problem(where, what, way_out, file=self.file, line=line))


def _is_tagged(node: yaml.ScalarNode) -> bool:
    """Whether the scalar carries an explicit `!!str`."""
    # PyYAML tags plain text as str by itself; only a tag that its own resolver would not have
    # given was written by somebody.
    plain = _RESOLVER.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
    return node.tag == _STR and plain != _STR


_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))\Z"
)
_DATE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d{2}:\d{2})?)?\Z"
)
_CONSTANTS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def scalar(text: str) -> Value:
    """The value of an unquoted scalar, by the rules of yaml.v3."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _DATE.match(text):
        return _timestamp(text)
    number = text.replace("_", "")
    whole = _integer(number)
    if whole is not None:
        return whole
    return _float(number, text) if _FLOAT.match(number) else text


def _integer(text: str) -> int | None:
    match = _INTEGER.match(text)
    if not match:
        return None
    sign, hexa, binary, octal, old_octal, decimal = match.groups()
    for digits, base in ((hexa, 16), (binary, 2), (octal, 8), (old_octal, 8), (decimal, 10)):
        if digits is not None:
            number = int(sign + digits, base)
            return number if -(2**63) <= number < 2**64 else None
    return None


def _float(number: str, text: str) -> Value:
    """The number as it arrives: by way of JSON, which writes 1.0 as 1."""
    value = float(number)
    if value in (float("inf"), float("-inf")):
        return text
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _timestamp(text: str) -> Value:
    match = _DATE.match(text)
    assert match is not None
    separator, fraction, zone = match[4], match[8] or "", match[9]
    if separator and (separator == " ") != (zone is None):
        return text
    try:
        year, month, day = (int(g) for g in match.groups()[:3])
        hour, minute, second = (int(g or 0) for g in match.groups()[4:7])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return text
    ending = fraction[:10].rstrip("0").rstrip(".")
    ending += zone if zone not in (None, "+00:00", "-00:00") else "Z"
    return Timestamp(moment.replace(tzinfo=None).isoformat() + ending)


def _known_stacks(path: Path) -> str:
    stacks = sorted(p.name[7:-5] for p in path.parent.glob("Pulumi.*.yaml"))
    if not stacks:
        return "run this where Pulumi.yaml is, or name the directory with -C"
    return f"stacks here: {', '.join(stacks)}"
