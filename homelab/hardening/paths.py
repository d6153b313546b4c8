"""Paths in a sandbox: hidden ones, and how unit files write them."""

from __future__ import annotations

from collections.abc import Iterable

from homelab.hardening.baseline import HIDDEN, HOMES


def below(path: str, parents: Iterable[str]) -> bool:
    """Whether a path is one of these directories or lies in one."""
    return any(path == p or path.startswith(f"{p.rstrip('/')}/") for p in parents)


def is_hidden(path: str) -> bool:
    """Whether the baseline hides this path unless it is bound."""
    return below(path, HIDDEN)


def is_home(path: str) -> bool:
    """Whether `ProtectHome` hides this path."""
    return below(path, HOMES)


def for_systemd(path: str) -> str:
    """A path as one word of a unit file."""
    text = path.replace("%", "%%")
    if not any(c in text for c in " \t:\"'\\"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def for_tmpfiles(path: str) -> str:
    """A path for tmpfiles.d. NixOS quotes it; a % would start a specifier."""
    return path.replace("%", "%%")
