"""The writer of Caddyfile syntax."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_BARE = re.compile(r"[A-Za-z0-9_@./:*+=~,^$%&|<>?-][A-Za-z0-9_@./:*+=~,^$%&|<>?#-]*\Z")

_LOOSE_BACKSLASH = re.compile(r'(?<!\\)(\\\\)*\\("|\Z)')


class Live(str):
    """A word in which Caddy expands placeholders (`{http.request…}`). Never a user's value."""

    __slots__ = ()


@dataclass(frozen=True)
class Directive:
    """A directive: its words, and its block if it has one."""

    words: tuple[str, ...]
    block: tuple[Directive, ...] = field(default=())


def directive(*words: str, block: Sequence[Directive] = (), live: bool = False) -> Directive:
    """A directive of these words; with `live`, Caddy expands placeholders in all of them."""
    return Directive(tuple(Live(w) for w in words) if live else words, tuple(block))


def print_caddyfile(directives: Sequence[Directive], indent: int = 0) -> str:
    """The directives as text, indented by two spaces as in Nix; the module runs `caddy fmt`."""
    out: list[str] = []
    pad = "  " * indent
    for item in directives:
        words = " ".join(_word(w, isinstance(w, Live)) for w in item.words)
        gap = " " if words else ""
        block = f"{gap}{{\n{print_caddyfile(item.block, indent + 1)}{pad}}}" if item.block else ""
        out.append(f"{pad}{words}{block}\n")
    return "".join(out)


def _word(word: str, live: bool) -> str:
    """A word, quoted if Caddy would otherwise misread it."""
    if "\n" in word or "\0" in word:
        raise ValueError("a Caddyfile word cannot hold a line break")
    if _BARE.match(word) or (live and re.fullmatch(r"[A-Za-z0-9_.{}/:-]+", word)):
        return word
    if "{$" in word:
        raise ValueError("a Caddyfile word cannot hold {$, which names a variable even in quotes")
    # An escaped brace does not begin a placeholder. A closing brace that is a whole word ends a
    # block, even in quotes.
    text = word if live else word.replace("{", "\\{")
    text = "\\}" if text == "}" else text
    if not _LOOSE_BACKSLASH.search(text):
        return '"' + text.replace('"', '\\"') + '"'
    # In double quotes this backslash would escape the quote; backticks have no escapes.
    if "`" in text:
        raise ValueError("a Caddyfile word cannot hold a backslash before a quote and a backtick")
    return f"`{text}`"
