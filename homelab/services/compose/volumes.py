"""Volumes of a compose file, as mounts of directories of the host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from homelab.services.compose.reading import ComposeFile, Place, Tree

_SOCKETS = ("docker.sock", "podman.sock")
_TIMES = ("/etc/localtime", "/etc/timezone")
_FILE = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class _Volume:
    source: str
    """Empty for a volume without a name."""
    target: str
    read_only: bool


def mounts_of(file: ComposeFile, at: Place, service: str) -> list[dict[str, object]]:
    """The mounts of a container. Volumes with a name and relative paths are below
    /var/lib/SERVICE.
    """
    stated = file.section("services")[at[-1]]
    listed = stated.get("volumes") if isinstance(stated, dict) else None
    made = []
    for i, item in enumerate(listed if isinstance(listed, list) else ()):
        place = (*at, "volumes", str(i))
        volume = _volume(file, place, item)
        if volume is not None:
            made += [*_mount(file, place, service, volume)]
    return made


def _volume(file: ComposeFile, place: Place, item: Tree) -> _Volume | None:
    if isinstance(item, dict):
        kind, source, target = item.get("type"), item.get("source"), item.get("target")
        if kind not in ("bind", "volume", None) or not isinstance(target, str):
            file.note(place, f"a mount of type {kind} is not taken over", "leave it out")
            return None
        read_only = item.get("read_only") == "true"
        return _Volume(source if isinstance(source, str) else "", target, read_only)
    if not isinstance(item, str):
        return None
    source, colon, rest = item.partition(":")
    if not colon:
        return _Volume("", source, read_only=False)
    target, _, options = rest.partition(":")
    return _Volume(source, target, "ro" in options.split(","))


def _mount(
    file: ComposeFile, place: Place, service: str, volume: _Volume
) -> Iterator[dict[str, object]]:
    source = volume.source
    if source.endswith(_SOCKETS):
        file.note(
            place,
            "the socket of Docker is not taken over: with it a container is root on the host",
            "leave it out; homelab starts containers itself",
        )
        return
    if source in _TIMES:
        file.note(place, f"{source} is not mounted", "write environment: {TZ: Europe/Berlin}")
        return
    if not source.startswith("/"):
        source = _place(file, place, service, volume)
    if re.search(r"[:,'\"\\]", source + volume.target) or not volume.target.startswith("/"):
        file.note(place, "its path cannot be a mount of Podman", "choose another directory")
        return
    mount: dict[str, object] = {"source": posixpath.normpath(source), "target": volume.target}
    yield {**mount, "read_only": True} if volume.read_only else mount


def _place(file: ComposeFile, place: Place, service: str, volume: _Volume) -> str:
    """The directory of a named volume, or of a path beside the compose file."""
    named = volume.source or volume.target.strip("/")
    is_path = named.startswith((".", "~")) or ("/" in named and bool(volume.source))
    plain = _PLAIN.sub("-", posixpath.basename(named.rstrip("/")) if is_path else named).strip("-.")
    source = f"/var/lib/{service}/{plain or 'data'}"
    external = file.section("volumes").get(volume.source)
    if is_path and _FILE.search(named):
        source = f"/etc/{service}/{plain}"
        file.note(
            place,
            f"{volume.source} is a file beside the compose file",
            f"put it at {source} in a module of the host: environment.etc."
            f'"{service}/{plain}".source; or write a template, if it has secrets',
        )
    elif is_path:
        file.note(
            place, f"{volume.source} becomes {source}", "copy its files there before it starts"
        )
    elif isinstance(external, dict) and "driver_opts" in external:
        file.note(
            place,
            f"the volume {volume.source} has a driver, and becomes the plain directory {source}",
            "mount the file system on the host, and name it as a dataset",
        )
    elif volume.source:
        file.note(
            place,
            f"the volume {volume.source} becomes {source}, which starts empty",
            "copy its files there before it starts, with the app stopped: `docker volume inspect` "
            "shows where they are",
        )
    return source
