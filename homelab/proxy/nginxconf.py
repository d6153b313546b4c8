"""The writer of Nginx configuration syntax."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BARE = re.compile(r"[A-Za-z0-9_@./:*+=~,^%&|<>?!()\[\]-]+\Z")


@dataclass(frozen=True)
class Live:
    """A word in which Nginx expands `$name`. Never a user's value."""

    text: str


@dataclass(frozen=True)
class Pattern:
    """A regular expression of a `map`. Nginx expands no variable in it."""

    text: str


Word = str | Live | Pattern


@dataclass(frozen=True)
class Directive:
    """A directive: its words, and its block if it has one."""

    words: tuple[Word, ...]
    block: tuple[Directive, ...] | None = None
    why: str = ""
    """Comment above the directive."""


def directive(*words: Word, block: Sequence[Directive] | None = None, why: str = "") -> Directive:
    """A directive of these words."""
    return Directive(words, None if block is None else tuple(block), why)


def print_nginx(directives: Sequence[Directive], indent: int = 0) -> str:
    """The directives as text."""
    pad = "  " * indent
    out = ""
    for item in directives:
        if item.why:
            out += "".join(f"{pad}# {line}\n" for line in item.why.splitlines())
        out += pad + " ".join(_printed(w) for w in item.words)
        if item.block is None:
            out += ";\n"
        else:
            out += " {\n" + print_nginx(item.block, indent + 1) + pad + "}\n"
    return out


def literal(word: str) -> str:
    """A word that Nginx reads as exactly this text. Raises ValueError for a dollar: Nginx has no
    escape for it.
    """
    if "$" in word:
        raise ValueError("nginx would read a dollar as the beginning of a variable")
    return quoted(word)


def quoted(word: str) -> str:
    """A word for a place where Nginx expands no variables, such as a location's path."""
    if "\0" in word:
        raise ValueError("an nginx word cannot hold a null byte")
    if _BARE.match(word):
        return word
    escaped = re.sub(r'["\\]', r"\\\g<0>", word)
    return '"' + escaped.replace("\n", r"\n").replace("\r", r"\r").replace("\t", r"\t") + '"'


def _printed(word: Word) -> str:
    if isinstance(word, Pattern):
        return quoted(f"~{word.text}")
    if isinstance(word, str):
        return literal(word)
    return word.text if _BARE.match(word.text.replace("$", "")) else f'"{word.text}"'
