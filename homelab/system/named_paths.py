"""Directories that options name for data: volumes, data directories, homes, what a unit writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from homelab.nested import texts
from homelab.services.run_flags import flags, source_of
from homelab.system.switched_on import Options, Switched, whole

FLEETING = ("/run", "/var/run", "/tmp", "/var/tmp", "/var/cache", "/dev", "/proc", "/sys", "/nix")  # noqa: S108
"""Directories that are temporary by definition, or not on the root."""
_NOT_DATA = (*FLEETING, "/etc", "/boot", "/var/log", "/root", "/usr", "/bin", "/lib")
_DATA = re.compile(
    r"(data|database|db|state|storage)_?-?(dir|directory|path|folder)", re.IGNORECASE
)
"""Options of modules that say where their data is: `dataDir`, `statePath`, `db_path`."""
_PLACES = (
    ("virtualisation", "containers", "storage", "settings", "storage", "graphroot"),
    ("virtualisation", "docker", "daemon", "settings", "data-root"),
)
"""More such options, with images and volumes of containers."""
_KEEPS = ("d", "q", "Q", "v")
"""Types of tmpfiles.d(5) that make a directory and leave it as it is at a start."""
_WRITES = ("ReadWritePaths", "WorkingDirectory")


def named_paths(options: Options) -> Iterator[Switched]:
    """The directories that options name for data, apart from temporary ones."""
    listed = list(options)
    for one in (
        *_volumes(listed),
        *_data(listed),
        *_homes(listed),
        *_written(listed),
        *_made(listed),
    ):
        path = PurePosixPath(one.path)
        is_plain = path.is_absolute() and len(path.parts) > 1 and ".." not in path.parts
        if is_plain and not any(path.is_relative_to(top) for top in _NOT_DATA):
            yield Switched(one.option, whole(one.path), sure=one.sure)


def _volumes(options: Sequence[tuple[tuple[str, ...], object]]) -> Iterator[Switched]:
    """What containers write on the host: of Podman and Docker, and of NixOS."""
    said = dict(options)
    for path, value in options:
        option = ".".join(path)
        if path[:3] == ("virtualisation", "oci-containers", "containers"):
            mounts = [*texts(value)] if path[4:] == ("volumes",) else []
            if path[4:] == ("extraOptions",):
                mounts = [
                    v for f, v in flags([*texts(value)]) if f in ("-v", "--volume", "--mount")
                ]
            for text in mounts:
                source, reads = source_of(text)
                if not reads and (":" in text or "=" in text):
                    yield Switched(option, source)
        elif path[:1] == ("containers",) and path[2:3] + path[4:] == ("bindMounts", "isReadOnly"):
            # They are read-only by default, and at the same path.
            there = said.get((*path[:4], "hostPath"))
            if value is False:
                yield Switched(".".join(path[:3]), there if isinstance(there, str) else path[3])


def _data(options: Sequence[tuple[tuple[str, ...], object]]) -> Iterator[Switched]:
    enabled = {path[:-1] for path, value in options if path[-1:] == ("enable",) and value}
    for path, value in options:
        is_data = path[:1] == ("services",) and _DATA.fullmatch(path[-1])
        is_on = any(path[:size] in enabled for size in range(2, len(path)))
        if ((is_data and is_on) or path in _PLACES) and isinstance(value, str):
            yield Switched(".".join(path), value)


def _homes(options: Sequence[tuple[tuple[str, ...], object]]) -> Iterator[Switched]:
    users: dict[str, dict[str, object]] = {}
    for path, value in options:
        if path[:2] == ("users", "users") and len(path) == 4:
            users.setdefault(path[2], {})[path[3]] = value
    for name, said in users.items():
        home = said.get("home")
        if said.get("createHome") is True and isinstance(home, str):
            yield Switched(f"users.users.{name}.createHome", home, sure=False)


def _written(options: Sequence[tuple[tuple[str, ...], object]]) -> Iterator[Switched]:
    for path, value in options:
        if path[:2] == ("systemd", "services") and path[3:4] == ("serviceConfig",):
            for text in texts(value) if path[-1] in _WRITES else ():
                for word in text.split():
                    if "%" not in word:
                        yield Switched(".".join(path), word.lstrip("-+"), sure=False)


def _made(options: Sequence[tuple[tuple[str, ...], object]]) -> Iterator[Switched]:
    """Directories that tmpfiles makes at a start, without an age after which it cleans them."""
    said = dict(options)
    for path, value in options:
        if path == ("systemd", "tmpfiles", "rules"):
            for text in texts(value):
                kind, place, *rest = [*text.split(), "", ""]
                if kind.rstrip("!-=~^$") in _KEEPS and rest[3:4] in ([], [""], ["-"]):
                    yield Switched(".".join(path), place.strip("'\""), sure=False)
        elif path[:3] == ("systemd", "tmpfiles", "settings") and path[5:6]:
            makes = path[5] in _KEEPS and (*path[:6], "age") not in said
            yield from [Switched(".".join(path[:4]), path[4], sure=False)] * makes
