"""Templates of containers: texts with secrets, written by the rules of each language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import tomli_w

from homelab.catalog.references import reference
from homelab.config.containers import TemplateBase
from homelab.problems import did_you_mean

Quote = Literal["json", "line", "none"]
"""How a secret is written: `json` inside a quoted string of JSON, YAML or TOML, `line` as the rest
of a line without control characters, `none` as it is."""
_VALUE = re.compile(r"\{value\[([^\]]*)\]\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTES: Mapping[str, Quote] = {"env": "line", "text": "line"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RAW = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON has as they are and YAML or TOML do not."""


@dataclass(frozen=True)
class Inserted:
    """A secret in a file."""

    secret: str
    """Its name in the service."""
    quote: Quote


Piece = str | Inserted


def values_in(content: object) -> Iterator[str]:
    """The secrets that a template names."""
    for _, name in _values(content):
        yield name


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a template."""

    place: str
    """Its place below the template."""
    what: str
    way_out: str


def unknown_values(template: TemplateBase, known: Mapping[str, str]) -> Iterator[Flaw]:
    """Secrets that a template names and cannot have; `known` has those of its service, with the
    reason why a template cannot have it, or an empty text.
    """
    for place, name in dict.fromkeys(_values(template.content)):
        if name not in known:
            yield Flaw(place, f'there is no secret "{name}"', did_you_mean(name, known, "secrets"))
        elif known[name]:
            yield Flaw(
                place, f"it has the value of {name}, and {known[name]}", "leave env out there"
            )


def _values(content: object) -> Iterator[tuple[str, str]]:
    """The secrets that a template names, each with its place."""
    if isinstance(content, str):
        yield from (("content", name) for name in _VALUE.findall(content))
    for place, word, named in _references(content):
        if isinstance(named, str):
            names = [named] if word == "$value" else _VALUE.findall(named)
            yield from ((f"{place}.{word}", name) for name in names)


def flaws(template: TemplateBase) -> Iterator[Flaw]:
    """What is wrong with a template by itself."""
    content = template.content
    for place, word, named in _references(content):
        if word not in ("$value", "$text"):
            yield Flaw(
                place,
                f"a template has no reference {word}",
                "write {$value: NAME}, or {$text: …{value[NAME]}…}",
            )
        elif not isinstance(named, str):
            yield Flaw(place, f"{word} takes text", f"write {{{word}: …}}")
    for place, value in _leaves(content) if not isinstance(content, str) else ():
        if isinstance(value, str) and (found := _VALUE.search(value)):
            way_out = f'write {{$text: "…{found[0]}…"}}'
            yield Flaw(place, f"{found[0]} stands in a plain text", way_out)
        if value is None and template.format == "toml":
            yield Flaw(place, "TOML has no null", "leave the key out")
    if template.format == "env" and isinstance(content, Mapping):
        for name, value in content.items():
            yield from _flaws_of_variable(str(name), value)


def _flaws_of_variable(name: str, value: object) -> Iterator[Flaw]:
    place = f"content.{name}"
    if not _NAME.fullmatch(name):
        yield Flaw(place, f'"{name}" is not a variable', "write letters, digits and underscores")
    elif reference(value) is None and not isinstance(value, str | bool | int | float):
        yield Flaw(place, f"{name} is no text", f"write one value: {name}: …")
    elif any(_CONTROL.search(text) for text in _texts(value)):
        yield Flaw(place, f"{name} has a line break", "write it in one line")


def pieces_of(template: TemplateBase) -> Iterator[Piece]:
    """The texts and secrets of a template without flaws."""
    content = template.content
    quote = _QUOTES.get(template.format, "json")
    if isinstance(content, str):
        yield from _split(content, quote)
        return
    # A text that the content does not have stands for each secret until the file is written.
    names = [*dict.fromkeys(values_in(content))]
    plain = json.dumps(content, ensure_ascii=False)
    stem = next(s for i in range(len(plain) + 1) if (s := f"homelabSecret{i}n") not in plain)
    marks = {name: f"{stem}{i}x" for i, name in enumerate(names)}
    found = {mark: name for name, mark in marks.items()}
    text = _WRITERS[template.format](_marked(content, marks))
    for piece in re.split(f"({stem}[0-9]+x)", text):
        if piece:
            yield Inserted(found[piece], quote) if piece in found else piece


def _split(text: str, quote: Quote) -> Iterator[Piece]:
    for i, piece in enumerate(_VALUE.split(text)):
        if i % 2:
            yield Inserted(piece, quote)
        elif piece:
            yield piece


def _marked(value: object, marks: Mapping[str, str]) -> object:
    found = reference(value)
    if found is not None:
        word, named = found
        if word == "$value":
            return marks[str(named)]
        return _VALUE.sub(lambda m: marks[m[1]], str(named))
    if isinstance(value, Mapping):
        return {str(k): _marked(v, marks) for k, v in value.items()}
    if isinstance(value, list):
        return [_marked(v, marks) for v in value]
    return value


def _json(content: object) -> str:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return _RAW.sub(lambda m: f"\\u{ord(m[0]):04x}", text) + "\n"


def _toml(content: object) -> str:
    assert isinstance(content, dict)
    return tomli_w.dumps(content)


def _env(content: object) -> str:
    assert isinstance(content, dict)
    return "".join(f"{name}={_plain(value)}\n" for name, value in content.items())


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_WRITERS: Mapping[str, Callable[[object], str]] = {
    "env": _env,
    "json": _json,
    "toml": _toml,
    # JSON is YAML, and its strings have no other meaning there.
    "yaml": _json,
}


def _references(value: object, place: str = "content") -> Iterator[tuple[str, str, object]]:
    """The references in a template: place, word and value."""
    found = reference(value)
    if found is not None:
        yield place, *found
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _references(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, f"{place}[{index}]")


def _leaves(value: object, place: str = "content") -> Iterator[tuple[str, object]]:
    """The values of a template that are no references, with their places."""
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{index}]")
    elif isinstance(value, Mapping):
        if reference(value) is None:
            for key, inner in value.items():
                yield from _leaves(inner, f"{place}.{key}")
    else:
        yield place, value


def _texts(value: object) -> Iterator[str]:
    """The texts of a variable."""
    found = reference(value)
    for text in found if found is not None else (value,):
        if isinstance(text, str):
            yield text
