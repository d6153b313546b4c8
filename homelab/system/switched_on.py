"""State of what options switch on: modules of nixpkgs outside the catalog, and `StateDirectory`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TypeAlias

from homelab.catalog import of_module
from homelab.catalog.state import StateOf, state_of
from homelab.nix.values import Nix, unwrapped
from homelab.services.follow import moved_to
from homelab.system.file_systems import is_within

PRIVATE = "/var/lib/private"
"""State of every DynamicUser unit. Kept whole: impermanence would make it 0755 as the parent of a
directory in it, and systemd then refuses to start such a unit."""

_CONTAINERS = "virtualisation.oci-containers.containers"
_BACKEND = ("virtualisation", "oci-containers", "backend")
"""With docker, which the module then switches on, images and volumes are elsewhere."""

Options: TypeAlias = Iterable[tuple[tuple[str, ...], object]]
"""Options by their path, each with its value."""


@dataclass(frozen=True)
class Switched:
    """A directory with state."""

    option: str
    """What switches it on: a module, or the `StateDirectory` of a unit."""
    path: str
    user: str = ""
    """Who must own it; empty where systemd or the module sees to it."""
    unit: str = ""
    """The unit that has it, where that is known."""
    sure: bool = True
    """Whether it holds data for certain; otherwise it may hold some."""


def leaves(tree: Nix, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Nix]]:
    """Every option of a tree, and every empty set."""
    tree = unwrapped(tree)
    if not isinstance(tree, Mapping) or (not tree and path):
        yield path, tree
        return
    for key, inner in tree.items():
        yield from leaves(inner, (*path, key))


def whole(path: str) -> str:
    """The directory below /var/lib that contains the path; the service owns it."""
    parts = PurePosixPath(path).parts
    if parts[:3] == ("/", "var", "lib") and len(parts) > 4:
        return str(PurePosixPath(*parts[:4]))
    return PRIVATE if path.startswith(f"{PRIVATE}/") else str(PurePosixPath(path))


def switched_on(
    options: Options, version: str, *, surely: bool, dynamic: Collection[str] = ()
) -> Iterator[Switched]:
    """The directories with state that follow from the options of a system. `version` is the release
    that it was installed with. `surely` asks for the `enable` of a module; otherwise whatever is
    set of it counts, unless that is false. `dynamic` are units that have `DynamicUser` elsewhere.
    """
    listed = list(options)
    yield from _modules(listed, version, surely)
    yield from _units(listed, dynamic)


def of_catalog(options: Options, *, also_kept: bool = False) -> dict[str, list[Switched]]:
    """The directories with the state of catalog services whose modules these options enable, by
    the name of the service. `also_kept` adds what may be lost with the disk, and not in a restart.
    """
    listed = list(options)
    enabled = {path[:-1] for path, value in listed if path[-1:] == ("enable",) and value}
    texts = {".".join(path): value for path, value in listed if isinstance(value, str) and value}
    modules = sorted({path[1] for path in enabled if path[:1] == ("services",) and path[1:]})
    entries = {entry.name: entry for module in modules for entry in of_module(module)}
    out: dict[str, list[Switched]] = {}
    for name, entry in sorted(entries.items()):
        # The first module that it enables is its own; a further one is a database or a proxy.
        own = next((o for o in entry.options if o.endswith(".enable")), "").removesuffix(".enable")
        if not own or tuple(own.split(".")) not in enabled:
            continue
        at = {here: moved_to(entry, texts[o]) for o, here in entry.state_at.items() if o in texts}
        for path in (*entry.state, *(entry.persist if also_kept else ())):
            here = max((h for h in at if is_within(path, h)), key=len, default="")
            there = at[here] + path.removeprefix(here) if here else path
            out.setdefault(name, []).append(Switched(own, there))
    return out


def _modules(
    options: Sequence[tuple[tuple[str, ...], object]], version: str, surely: bool
) -> Iterator[Switched]:
    enabled: dict[tuple[StateOf, str], list[bool]] = {}
    for path, value in options:
        for one, parts in (*_by_start().get(path[:1], ()), *_by_start().get(path[:2], ())):
            if len(path) < len(parts) + one.each or not _is_below(path, parts):
                continue
            name = next((mine for mine, its in zip(path, parts, strict=False) if its == "*"), "")
            said = enabled.setdefault((one, name), [])
            if path[len(parts) :] == ("enable",):
                said.append(value is not False)
            elif one.each:
                said.append(True)
    texts = {path: value for path, value in options if isinstance(value, str)}
    for (one, name), said in enabled.items():
        if not (any(said) if surely else not said or any(said)):
            continue
        moved = texts.get(tuple(one.at.split(".")), "") if one.at else ""
        is_own = any(
            path[-1] == "user" and _is_below(path, one.option.split(".")) for path in texts
        )
        for i, usual in enumerate(one.at_version(version)):
            # The Redis without a name has no hyphen.
            there = usual.replace("*", name) if name else usual.replace("-*", "")
            there = moved if i == 0 and moved.startswith("/") else there
            if one.option == _CONTAINERS and texts.get(_BACKEND) == "docker":
                there = "/var/lib/docker"
            yield Switched(one.option.replace("*", name or "*"), there, "" if is_own else one.user)


@cache
def _by_start() -> Mapping[tuple[str, ...], list[tuple[StateOf, tuple[str, ...]]]]:
    """The modules by the first two parts of their option, or by the only one."""
    out: dict[tuple[str, ...], list[tuple[StateOf, tuple[str, ...]]]] = {}
    for one in state_of():
        parts = tuple(one.option.split("."))
        out.setdefault(parts[:2], []).append((one, parts))
    return out


def _is_below(path: Sequence[str], parts: Sequence[str]) -> bool:
    return len(path) >= len(parts) and all(
        its in ("*", mine) for mine, its in zip(path, parts, strict=False)
    )


def _units(
    options: Sequence[tuple[tuple[str, ...], object]], dynamic: Collection[str]
) -> Iterator[Switched]:
    said: dict[tuple[str, str], list[object]] = {}
    for path, value in options:
        if path[:2] == ("systemd", "services") and path[3:4] == ("serviceConfig",):
            said.setdefault((path[2], path[-1]), []).append(value)
    for (unit, setting), values in said.items():
        if setting != "StateDirectory":
            continue
        is_dynamic = unit in dynamic or True in said.get((unit, "DynamicUser"), ())
        top = PRIVATE if is_dynamic else "/var/lib"
        option = f"systemd.services.{unit}.serviceConfig.StateDirectory"
        for word in dict.fromkeys(w for value in values for w in _words(value)):
            directory = _directory(word, unit)
            if directory:
                yield Switched(option, whole(f"{top}/{directory}"), unit=unit)


def _words(value: object) -> Iterator[str]:
    """The words of a setting, which is a text or a list of texts. Others are computed."""
    if isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)


def _directory(word: str, unit: str) -> str:
    """A directory of `StateDirectory`, without the names of its links; up to the first part that
    only systemd knows.
    """
    prefix = unit.partition("@")[0]
    given = word.partition(":")[0]
    for specifier, text in (
        ("%p", prefix),
        ("%P", prefix),
        ("%N", unit),
        ("%n", f"{unit}.service"),
    ):
        if not unit.endswith("@") or specifier in ("%p", "%P"):
            given = given.replace(specifier, text)
    known: list[str] = []
    for part in given.strip("/").split("/"):
        if "%" in part or part in ("", ".", ".."):
            break
        known.append(part)
    return "/".join(known)
