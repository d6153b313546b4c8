"""HuJSON, the format of tailnet policies: JSON with comments and trailing commas.

This module reads and compares policies. It does not edit them, and it accepts nothing that
Tailscale's hujson refuses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeAlias, cast

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Document: TypeAlias = dict[str, Json]

Kind = Literal["comment", "string", "mark", "word"]
Token = tuple[Kind, str]

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r'|(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<mark>[{}\[\]:,])"
    r"|(?P<word>[-+.0-9A-Za-z]+)",
    re.DOTALL,
)


class HujsonError(ValueError):
    """The text is not HuJSON."""


def parse(text: str) -> Json:
    """The value, without comments. Raises `HujsonError`."""
    try:
        value: Json = json.loads(" ".join(t for kind, t in tokens(text) if kind != "comment"))
    except ValueError as error:
        raise HujsonError(str(error)) from None
    return value


def digest(text: str) -> str:
    """Digest of a text, including comments and order but not its layout."""
    data = canonical(text).encode(errors="surrogatepass")
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# A run compares two or three policies in several ways.
@lru_cache(maxsize=8)
def canonical(text: str) -> str:
    """The text in one layout; Tailscale's editor may use another."""
    lines: list[str] = []
    line, depth = "", 0
    found = [*tokens(text), ("mark", "")]

    def end() -> None:
        nonlocal line
        if line.strip():
            lines.append(line.rstrip())
        line = ""

    def add(part: str) -> None:
        nonlocal line
        line = (line or "  " * depth) + part

    for (kind, token), (_, after) in pairwise(found):
        if kind == "comment":
            end()
            for part in token.splitlines():
                add(part.strip())
                end()
        elif token in ("{", "["):
            add(token)
            if after not in ("}", "]"):
                depth += 1
                end()
        elif token in ("}", "]"):
            if not line.endswith(("{", "[")):
                end()
                depth -= 1
            add(token)
        elif token == ",":
            add(token)
            end()
        else:
            add(": " if token == ":" else token)
    end()
    return "".join(f"{line}\n" for line in lines)


def tokens(text: str) -> Iterator[Token]:
    """Comments and JSON tokens, without trailing commas."""
    comma, waiting = False, list[Token]()
    before = ""
    for kind, token in _scan(text):
        if comma and kind != "comment":
            comma = False
            if token not in ("}", "]"):
                yield "mark", ","
                before = ","
        if kind == "comment":
            if comma:
                waiting.append((kind, token))
            else:
                yield kind, token
            continue
        yield from waiting
        waiting.clear()
        if token == "," and before not in ("", "{", "[", ",", ":"):
            comma = True
            continue
        yield kind, token
        before = token
    if comma:
        yield "mark", ","
    yield from waiting


def _scan(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            line = text.count("\n", 0, at) + 1
            raise HujsonError(f"line {line}: neither JSON nor a comment")
        at = found.end()
        if found.lastgroup != "space":
            kind, token = cast("Kind", found.lastgroup), found.group()
            yield kind, _plain(token) if kind == "string" else token.rstrip()


def _plain(string: str) -> str:
    """A string without unnecessary escapes."""
    try:
        return json.dumps(json.loads(string), ensure_ascii=False)
    except ValueError:
        raise HujsonError(f"{string} is not a JSON string") from None
