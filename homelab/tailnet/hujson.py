"""HuJSON, the JSON with comments and trailing commas that a tailnet's policy is kept in.

Only what is needed to read a policy that somebody else wrote and to tell whether it changed: no
editing, and nothing that hujson itself would refuse is made acceptable.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
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
    """Text that is no HuJSON."""


def parse(text: str) -> Json:
    """The value, without its comments."""
    try:
        value: Json = json.loads(" ".join(t for kind, t in tokens(text) if kind != "comment"))
    except ValueError as error:
        raise HujsonError(str(error)) from None
    return value


def digest(text: str) -> str:
    """Names a text by what it says, comments and order included, however it is laid out."""
    data = canonical(text).encode(errors="surrogatepass")
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(text: str) -> str:
    """The text laid out in one way: Tailscale's editor may lay it out in another."""
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
    """Comments and everything that JSON has; trailing commas are left out."""
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
            raise HujsonError(f"line {line}: this is neither JSON nor a comment")
        at = found.end()
        if found.lastgroup != "space":
            kind, token = cast("Kind", found.lastgroup), found.group()
            yield kind, _plain(token) if kind == "string" else token.rstrip()


def _plain(string: str) -> str:
    """A string in one spelling: what needs no escape has none."""
    try:
        return json.dumps(json.loads(string), ensure_ascii=False)
    except ValueError:
        raise HujsonError(f"{string} is not a string of JSON") from None
