"""Read a stack file exactly as Pulumi does, and record the line of every value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

import yaml

from homelab.config.scalar import Value, scalar
from homelab.plaintext import UnreadableError, yaml_node
from homelab.problems import InvalidStackError, Problem, unread

Path_: TypeAlias = tuple[str | int, ...]

NAMESPACE = "homelab:"
PULUMI_KEYS = ("config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider")
"""The keys at the root of a stack file. Pulumi ignores every other one."""
_STR = "tag:yaml.org,2002:str"
_RESOLVER = yaml.SafeLoader("")


@dataclass(frozen=True)
class Document:
    """The `homelab:*` values of one stack, by section, with the line of each."""

    values: Mapping[str, Value]
    file: str = ""
    lines: Mapping[Path_, int] = field(default_factory=dict)
    settings: Mapping[str, Value] = field(default_factory=dict)
    """Every setting of the stack by its full key, including other namespaces."""
    files: Mapping[Path_, str] = field(default_factory=dict)
    """Other files with parts of the stack config, by the place of each part."""

    def line(self, path: Path_) -> int:
        """Line of a value, or of the nearest key that contains it; 0 when unknown."""
        for end in range(len(path), -1, -1):
            found = self.lines.get(path[:end])
            if found:
                return found
        return 0

    def file_of(self, path: Path_) -> str:
        """The file that contains a value."""
        found = (self.files.get(path[:end]) for end in range(len(path), 0, -1))
        return next(filter(None, found), self.file)


def read_document(path: Path) -> Document:
    """The stack file's values and lines. Raises InvalidStackError if it is not YAML."""
    # A link to nothing, or to itself, is there.
    if not os.path.lexists(path):
        raise InvalidStackError([Problem(path.name, "there is no such file", _known_stacks(path))])
    return parse_document(_text(path, path.name), path.name)


def parse_document(text: str, file: str) -> Document:
    """As `read_document`, for text instead of a file."""
    reader, whole = _parsed(text, file, "YAML")
    root = whole if isinstance(whole, dict) else {}
    config = root.get("config")
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
    reader.problems += [*_root_problems(root, reader), *_key_problems(config, reader)]
    if reader.problems:
        raise InvalidStackError(reader.problems)
    ours = {key: section for key in config if (section := _section(key)) is not None}
    values = {section: config[key] for key, section in ours.items()}
    lines: dict[Path_, int] = {(): reader.lines.get(("config",), 1)}
    for where, line in reader.lines.items():
        if len(where) > 1 and where[0] == "config" and where[1] in ours:
            lines[(ours[str(where[1])], *where[2:])] = line
    settings = {NAMESPACE + ours[k] if k in ours else k: v for k, v in config.items()}
    return Document(values, file, lines, settings)


def read_mapping(path: Path, file: str) -> Document:
    """The values of a YAML file whose root is a mapping, with their lines. They follow the rules of
    a stack file. `file` is its name in messages. Raises InvalidStackError.
    """
    reader, values = _parsed(_text(path, file), file, file)
    if not isinstance(values, dict):
        reader.problems.append(
            Problem(file, "keys are expected here", "write its keys, each with a value", file=file)
        )
    if reader.problems:
        raise InvalidStackError(reader.problems)
    return Document(values if isinstance(values, dict) else {}, file, reader.lines)


def _text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidStackError([unread(file, error, file=file)]) from None


def _parsed(text: str, file: str, where: str) -> tuple[_Reader, Value]:
    """The root of a YAML text, and the reader with its lines. An empty text has no keys."""
    try:
        root = yaml_node(text)
    except UnreadableError as error:
        way_out = "check the indentation (spaces, never tabs), and quote text that contains : or #"
        problem = Problem(where, error.what, way_out, file=file, line=error.line)
        raise InvalidStackError([problem]) from None
    reader = _Reader(file)
    return reader, reader.value(root, ()) if root is not None else {}


def _section(key: str) -> str | None:
    """The section that a setting belongs to; None for another namespace."""
    # Pulumi puts the project's name before a key that has none.
    return key if ":" not in key else key[len(NAMESPACE) :] if key.startswith(NAMESPACE) else None


def _root_problems(root: Mapping[str, Value], reader: _Reader) -> list[Problem]:
    """Keys beside `config:`, such as a section that was appended without its indentation."""
    return [
        Problem(
            key.removeprefix(NAMESPACE),
            f'the key "{key}" stands beside config, where nothing reads it',
            "indent it below config:",
            file=reader.file,
            line=reader.lines.get((key,), 0),
        )
        for key in root
        if key not in PULUMI_KEYS
    ]


def _key_problems(config: Mapping[str, Value], reader: _Reader) -> list[Problem]:
    """Settings with a misspelt namespace, and sections that are written twice."""
    problems = []
    for key in config:
        space, _, name = key.partition(":")
        line = reader.lines.get(("config", key), 0)
        if (
            name
            and space != "homelab"
            and get_close_matches(space.lower(), ["homelab"], cutoff=0.75)
        ):
            problems.append(
                Problem(
                    key,
                    f'nothing reads the namespace "{space}"',
                    f'did you mean "{NAMESPACE}{name}"?',
                    file=reader.file,
                    line=line,
                )
            )
        if not name and NAMESPACE + key in config:
            problems.append(
                Problem(
                    key,
                    f"{key} and {NAMESPACE}{key} are the same section to Pulumi",
                    "keep one",
                    file=reader.file,
                    line=line,
                )
            )
    return problems


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
                self._problem(where, f'the key "{key}" is written twice', "keep one", line)
            if key == "secure" and len(path) > 1 and _section(str(path[1])) is not None:
                self._problem(
                    where,
                    "an encrypted value inside an object reaches the program as plain text",
                    "write a reference, {sops: path/in/file}, and store the value: "
                    "homelab secret set path/in/file",
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
    # PyYAML itself tags plain text as str, so only a tag that its resolver would not give was
    # written in the file.
    plain = _RESOLVER.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
    return node.tag == _STR and plain != _STR


def _known_stacks(path: Path) -> str:
    stacks = sorted(p.name[7:-5] for p in path.parent.glob("Pulumi.*.yaml"))
    if not stacks:
        return "run this where Pulumi.yaml is, or name the directory with -C"
    return f"stacks here: {', '.join(stacks)}"
