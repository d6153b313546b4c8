"""The settings of several Nix files together: modules, and files that an option imports.

`services.openssh = import ./ssh.nix;` sets what the file has, below that option.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from homelab.nix.flake_systems import imports_in
from homelab.nix.source import Computed, Setting, Source, imported_by, read_nix, read_value

_DEEP = 8
"""Limit for files whose options import further files."""


def read_files(
    files: Iterable[tuple[str, str]], modules: Collection[str] = ()
) -> dict[str, Source]:
    """The settings in these texts, by file; those of a file that an option imports are of that
    option. `modules` are files that are modules besides.
    """
    out: dict[str, Source] = {}
    texts: dict[str, str] = {}
    named = {f for name in modules for f in (name, f"{name}/default.nix")}
    for name, text in files:
        old, new = out.get(name, Source(())), read_nix(text)
        out[name] = Source((*old.settings, *new.settings), (*old.unread, *new.unread))
        texts[name] = text
        named |= {there for path in imports_in(text).paths for there in _places(name, path)}
    imported = {
        there
        for name, source in out.items()
        for setting in source.settings
        if (there := _imported(name, setting, texts))
    }
    values: dict[str, list[Setting]] = {name: [] for name in imported}
    for name, source in list(out.items()):
        # A file that is no module has no settings at the top.
        top = source.settings if name in named or name not in imported else ()
        mine = tuple(_followed(name, top, texts, values, 0))
        if len(mine) < len(source.settings):
            out[name] = replace(source, settings=mine)
    for name, found in values.items():
        out[name] = replace(out[name], settings=(*out[name].settings, *found))
    return out


def _followed(
    name: str,
    settings: Iterable[Setting],
    texts: Mapping[str, str],
    values: dict[str, list[Setting]],
    depth: int,
) -> Iterator[Setting]:
    """The settings that are in the file itself. Those of files that it imports go to `values`."""
    for setting in settings:
        there = _imported(name, setting, texts)
        if not there or depth == _DEEP:
            yield setting
            continue
        inner = [
            s if setting.forced is None else replace(s, forced=setting.forced)
            for s in read_value(texts[there], setting.path)
        ]
        values.setdefault(there, []).extend(_followed(there, inner, texts, values, depth + 1))


def _imported(name: str, setting: Setting, texts: Mapping[str, str]) -> str:
    """The file that an option imports; empty if it imports none that is there."""
    path = imported_by(setting.value) if isinstance(setting.value, Computed) else ""
    return next((f for f in _places(name, path) if f in texts), "") if path else ""


def _places(name: str, path: str) -> tuple[str, str]:
    """The files that a relative path in a file may mean."""
    there = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return there, f"{there}/default.nix"
