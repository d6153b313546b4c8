"""Flags of `podman run` and `docker run`, as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SOURCE = re.compile(r"(?:^|,)(?:src|source)=([^,]+)")
_OPTIONS = re.compile(r"(?:^|,)(?:ro|readonly|read_only)(?:=true|=1)?(?:,|$)")
_SHORT = {
    **dict.fromkeys("acehlmpuvw", True),
    **dict.fromkeys("diPqt", False),
}
"""Short flags of `podman run` and `docker run`, and whether a value follows."""


def flags(words: list[str]) -> Iterator[tuple[str, str]]:
    """Flags with their values, whether written `--a=b`, `--a b` or as two words, and short ones
    glued to their value and to each other: `-tp9999:80` is `-t -p 9999:80`.
    """
    split = [w for word in words for w in (word.split(None, 1) if word.startswith("-") else [word])]
    for i, word in enumerate(split):
        if not word.startswith("-") or word in ("-", "--"):
            continue
        following = split[i + 1] if i + 1 < len(split) else ""
        following = "" if following.startswith("-") else following
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            yield flag, value if equals else following
            continue
        for at, letter in enumerate(word[1:], 2):
            if _SHORT.get(letter, True):
                yield f"-{letter}", word[at:].removeprefix("=") or following
                break
            yield f"-{letter}", ""


def source_of(volume: str) -> tuple[str, bool]:
    """The directory of the host that a volume brings in, and whether it is only read; empty for a
    volume of Podman's own.
    """
    if named := _SOURCE.search(volume):
        return named[1], bool(_OPTIONS.search(volume))
    source, _, rest = volume.partition(":")
    return source, bool(_OPTIONS.search(rest.partition(":")[2]))
