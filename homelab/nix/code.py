"""What a Nix file says, without its comments and texts: enough to see which paths it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_PATH = re.compile(
    r"(?<![A-Za-z0-9_.+/$}\"-])(\.{1,2}(?:/[A-Za-z0-9._+-]+)+/?|\.{1,2}/(?![A-Za-z0-9._+*-]))"
)
_INPUT = re.compile(r"\binputs\s*\.\s*([A-Za-z_][A-Za-z0-9_'-]*)")
_INHERITED = re.compile(r"\binherit\s*\(\s*inputs\s*\)([^;]*);")


@lru_cache(maxsize=512)
def code_of(text: str) -> str:
    """The text with comments gone and strings emptied, but for what is interpolated into them."""
    return _Reader(text).read()


def paths_in(text: str) -> Iterator[str]:
    """Relative paths that a Nix file names, as written: `./disk.nix`, `../common`."""
    yield from dict.fromkeys(m[1].rstrip("/") for m in _PATH.finditer(code_of(text)))


def inputs_in(text: str) -> set[str]:
    """Flake inputs that a module asks for by `inputs.<name>` or `inherit (inputs) <name>`."""
    code = code_of(text)
    found = {m[1] for m in _INPUT.finditer(code)}
    for inherited in _INHERITED.finditer(code):
        found |= set(inherited[1].split())
    return found


class _Reader:
    """One pass over a Nix file; what it cannot read it leaves as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []

    def read(self) -> str:
        while self.at < len(self.text):
            self._code(closing=False)
        return "".join(self.out)

    def _code(self, *, closing: bool) -> None:
        """Code up to its end, or up to the brace that closes an interpolation."""
        depth = 0
        while self.at < len(self.text):
            rest = self.text[self.at : self.at + 2]
            if rest[:1] == "#":
                self._skip("\n")
            elif rest == "/*":
                self._skip("*/")
                self.out.append(" ")
            elif rest == "''":
                self._string("''")
            elif rest[:1] == '"':
                self._string('"')
            else:
                depth += {"{": 1, "}": -1}.get(rest[:1], 0)
                self.at += 1
                if closing and depth < 0:
                    return
                self.out.append(rest[:1])

    def _skip(self, end: str) -> None:
        found = self.text.find(end, self.at + len(end))
        # The end of a line stays, that of a comment in stars goes.
        self.at = len(self.text) if found < 0 else found + (0 if end == "\n" else len(end))

    def _string(self, quote: str) -> None:
        self.at += len(quote)
        self.out.append('"')
        while self.at < len(self.text):
            rest = self.text[self.at : self.at + 3]
            if quote == '"' and rest[:1] == "\\":
                self.at += 2
            elif quote == "''" and rest[:2] == "''" and rest[2:] in ("$", "'"):
                self.at += 3
            elif quote == "''" and rest == "''\\":
                self.at += 4
            elif rest[:2] == "$$":
                self.at += 2
            elif rest[:2] == "${":
                self.at += 2
                self.out.append(" ( ")
                self._code(closing=True)
                self.out.append(" ) ")
            elif rest.startswith(quote):
                self.at += len(quote)
                break
            else:
                self.at += 1
        self.out.append('"')
