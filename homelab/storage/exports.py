"""The writer of exports(5).

nfs-utils reads a line as words: a path, then a client with its options in parentheses. In a word a
quote begins a quoted part, and a backslash with three octal digits is a byte. Within the
parentheses commas separate options, and nothing escapes a comma or a parenthesis
(`support/nfs/xio.c` and `exports.c` of nfs-utils).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@+=-")
_CLIENT = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")


def exported(path: str, client: str, options: Iterable[str]) -> str:
    """One line: a directory, the address or network of its client, and the options.

    Raises ValueError for a client that is not an address, such as `*`, and for an option that
    the format cannot express.
    """
    words = [*options]
    if not _CLIENT.fullmatch(client):
        raise ValueError(f"{client!r} is not an address")
    for option in words:
        if not option or set(option) & set(",()\n"):
            raise ValueError(f"exports(5) cannot express the option {option!r}")
    return f"{_word(path)} {client}({','.join(map(_word, words))})"


def can_say(value: str) -> bool:
    """Whether an option can have this value."""
    return not set(value) & set(",()\n")


def _word(text: str) -> str:
    """Text as one word. After a backslash digits are escaped too: the parser reads its own output
    again.
    """
    out, after = [], 0
    for byte in text.encode():
        after = 4 if byte == ord("\\") else after - 1
        plain = byte in _PLAIN and after <= 0
        out.append(chr(byte) if plain else f"\\{byte:03o}")
    return "".join(out)
