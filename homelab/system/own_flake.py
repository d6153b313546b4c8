"""The modules of the flake that a host extends, as far as the text of the flake shows them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.nix.files import read_files
from homelab.nix.flake_systems import imports_in, system_modules
from homelab.nix.source import Setting, read_nix
from homelab.system.model import Host
from homelab.system.own import Sources, below, own_files, own_settings, reached


@dataclass(frozen=True)
class FlakeModules:
    """Modules of a flake that a host extends."""

    files: tuple[tuple[str, str], ...] = ()
    """(file, text) of the host's modules. The text of `flake.nix` is a module inside of it."""
    others: tuple[tuple[str, str], ...] = ()
    """Every other Nix file, if the text does not show which modules the host has: also those of
    other hosts."""
    unread: tuple[str, ...] = ()
    """Modules that only Nix resolves, as written; `nixosConfigurations.…` for the whole system."""


def flake_modules(host: Host, sources: Sources) -> FlakeModules:
    """The modules of the flake that a host extends; none of a host that extends no flake."""
    extends = host.config.extends
    if extends is None or not host.is_nixos:
        return FlakeModules()
    top, name = extends.flake, extends.name or host.name
    file = f"{top}/flake.nix"
    text = sources.get(file)
    listed = system_modules(text, name) if isinstance(text, str) else None
    if listed is None:
        every = _nix(dict(below(top, sources)))
        others = tuple((n, t) for n, t in every.items() if n != file)
        return FlakeModules(others=others, unread=(f"nixosConfigurations.{name}",))
    named, unread = [*listed.paths], [*listed.unread]
    for inline in listed.inline:
        imported = imports_in(inline)
        named += imported.paths
        unread += imported.unread
    paths = [posixpath.normpath(posixpath.join(top, path)) for path in named]
    texts = _nix(reached(paths, sources))
    unread += [written for text in texts.values() for written in imports_in(text).unread]
    inside = tuple((file, inline) for inline in listed.inline)
    return FlakeModules((*texts.items(), *inside), unread=tuple(dict.fromkeys(unread)))


def system_settings(host: Host, sources: Sources) -> Iterator[Setting]:
    """Every option that a module of the owner sets on the host, as far as the text shows: a
    hand-written module, or one of the flake that the host extends.
    """
    yield from own_settings(host, sources)
    for source in read_files(flake_modules(host, sources).files).values():
        yield from source.settings


def unread_modules(host: Host, sources: Sources) -> tuple[str, ...]:
    """Modules of a host that homelab manages in part which only Nix resolves, as written, and
    files that cannot be parsed.
    """
    if host.config.manage is None and host.config.extends is None:
        return ()
    flake = flake_modules(host, sources)
    named = _nix(own_files(host, sources))
    found = [*flake.unread, *(w for text in named.values() for w in imports_in(text).unread)]
    found += [n for n, text in (*flake.files, *named.items()) if read_nix(text).unread]
    return tuple(dict.fromkeys(found))


def _nix(files: Mapping[str, str | bytes]) -> dict[str, str]:
    return {n: t for n, t in files.items() if n.endswith(".nix") and isinstance(t, str)}
