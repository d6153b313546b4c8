"""Command lines and variables of unit files, from templates. Source: systemd.syntax(7), and
systemd.service(5), "Command lines".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from homelab.nix import Pkg, Raw, Text

Part = str | Raw | Pkg
"""Text of ours, or a Nix expression that becomes a store path."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+,=-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "$$", "%": "%%"}


def command_line(words: Sequence[Sequence[Part]]) -> Text:
    """The value of `ExecStart`: systemd passes exactly these words, and expands nothing in them.

    A store path in a word needs no quotes: its characters are all plain.
    """
    parts: list[Part] = []
    for index, word in enumerate(words):
        parts += [" "] if index else []
        parts += _quoted(word)
    return Text(tuple(parts))


def variable(parts: Sequence[Part]) -> Text:
    """The value of an environment variable: NixOS quotes it, and leaves specifiers to systemd."""
    return Text(tuple(p.replace("%", "%%") if isinstance(p, str) else p for p in parts))


def _quoted(word: Sequence[Part]) -> Iterator[Part]:
    texts = "".join(p for p in word if isinstance(p, str))
    has_path = any(not isinstance(p, str) for p in word)
    if _PLAIN.fullmatch(texts) or (has_path and not texts):
        yield from word
        return
    yield '"'
    for part in word:
        yield "".join(_escaped(c) for c in part) if isinstance(part, str) else part
    yield '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if ord(char) < 0x20 or char == "\x7f" else char
