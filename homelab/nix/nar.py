"""Nix archives: a tree of files as the bytes that Nix hashes and `nix-store --restore` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class NarFile:
    """A file of a tree."""

    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class NarLink:
    """A symbolic link of a tree."""

    target: bytes


NarNode: TypeAlias = "NarFile | NarLink | Mapping[bytes, NarNode]"
"""A file, a link, or a directory by the names in it."""


def nar(tree: NarNode) -> bytes:
    """The archive of a tree. The same tree has the same bytes."""
    return b"".join((_word(b"nix-archive-1"), *_node(tree)))


def _node(node: NarNode) -> Iterator[bytes]:
    yield _word(b"(")
    yield _word(b"type")
    if isinstance(node, NarFile):
        yield _word(b"regular")
        if node.executable:
            yield _word(b"executable")
            yield _word(b"")
        yield _word(b"contents")
        yield _word(node.content)
    elif isinstance(node, NarLink):
        yield _word(b"symlink")
        yield _word(b"target")
        yield _word(node.target)
    else:
        yield _word(b"directory")
        for name in sorted(node):
            yield _word(b"entry")
            yield _word(b"(")
            yield _word(b"name")
            yield _word(name)
            yield _word(b"node")
            yield from _node(node[name])
            yield _word(b")")
    yield _word(b")")


def _word(data: bytes) -> bytes:
    """Its length in 8 bytes, then the bytes, filled up to a multiple of 8."""
    return len(data).to_bytes(8, "little") + data + bytes(-len(data) % 8)
