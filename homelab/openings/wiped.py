"""Options that empty, hide or move what must survive a restart: mounts, and rules of tmpfiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from homelab.catalog.upstream import Unit, release_of, unit_of
from homelab.hardening.paths import below
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown, texts
from homelab.openings.state import STATE
from homelab.openings.written import written
from homelab.render import modules_of
from homelab.services.model import Service
from homelab.system.kept import FILES, OURS, kept

_IN_MEMORY = ("tmpfs", "ramfs")
_DEVICE_IN_MEMORY = re.compile(r"/dev/(ram|zram)[0-9]+")
_EMPTIED = ("/tmp", "/var/tmp", "/run", "/var/run", "/dev/shm")  # noqa: S108
"""Directories that a start, or a timer of systemd, empties."""
_NO_MOUNT = "leave it out, or mount a disk there"
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\S+)')
_OLD = "removes old files of"
_AGED = frozenset("dDevqQC")
"""Types of tmpfiles.d(5) with an age: what is older is removed."""


def survivors(view: View) -> Iterator[tuple[str, str]]:
    """Directories and files of a host that must survive a restart, and what each holds."""
    for service in view.plan.on(view.host.name):
        for path in (*service.state, *service.entry.persist):
            yield path, f"state of {service.name}"
    yield OURS, "releases and secrets"
    config = view.host.config.persistence
    if config is not None:
        yield config.root, "what survives a restart"
        yield config.disk, "what survives a restart"
        for path in config.mounted:
            yield path, "which the stack says is on a disk"
        for one in kept(view.plan, view.host, modules_of(view.plan, view.host)):
            yield one.path, one.why


def _opening(setting: Setting, view: View, mount: str, how: str) -> Iterator[Opening]:
    """The first thing that a mount hides."""
    for path, why in survivors(view):
        if mount != "/" and below(path, (mount,)):
            yield Opening(
                STATE,
                f"{setting.name} {how}: {path}, {why}, would be lost at each boot",
                _NO_MOUNT + _forgettable(view, path),
            )
            return


def _forgettable(view: View, path: str) -> str:
    """How to say that a directory may be lost, where the machine and its services live without."""
    if path not in ("/home", "/var/cache", "/var/log") or view.host.config.persistence is None:
        return ""
    return f"; or, if it may be lost, write {view.host.source}.persistence.forget: {{{path}: …}}"


@rule(
    "fileSystems.*.fsType",
    "boot.specialFileSystems.*.fsType",
    "disko.devices.nodev.*.fsType",
)
def in_memory(setting: Setting, view: View) -> Iterator[Opening]:
    """A file system in memory. A root in memory has a check of its own."""
    if setting.value in _IN_MEMORY:
        yield from _opening(setting, view, setting.path[-2], f"is {shown(setting.value)}")


@rule("fileSystems.*.device")
def from_memory(setting: Setting, view: View) -> Iterator[Opening]:
    """A device in memory, or a directory that is emptied, bound to a place that must survive."""
    if _is_lost(setting.value):
        yield from _opening(setting, view, setting.path[1], f"is {shown(setting.value)}")


def _is_lost(device: object) -> bool:
    return isinstance(device, str) and (
        bool(_DEVICE_IN_MEMORY.fullmatch(device)) or below(device, _EMPTIED)
    )


@rule("fileSystems.*.enable", "fileSystems.*.neededForBoot", "fileSystems.*.options")
def off(setting: Setting, view: View) -> Iterator[Opening]:
    """A mount of what survives that is switched off, or that comes too late."""
    mount, part, value = setting.path[1], setting.path[2], setting.value
    config = view.host.config.persistence
    if config is None or mount not in (OURS, config.disk, *config.mounted):
        return
    if part == "options":
        words = [word for text in texts(value) for word in text.split(",")]
        is_off = "noauto" in words and "x-systemd.automount" not in words
    else:
        is_off = value is False and (part == "enable" or mount not in config.mounted)
    if is_off:
        how = "has noauto" if part == "options" else f"is {shown(value)}"
        yield Opening(
            STATE,
            f"{setting.name} {how}, so what survives a restart is not there when it is needed",
            "leave it out",
        )


@rule(f'fileSystems."{OURS}".*')
def elsewhere(setting: Setting, view: View) -> Iterator[Opening]:
    """The mount of releases and secrets, which the plan binds from the disk that survives."""
    config = view.host.config.persistence
    if config is None:
        return
    source = f"{config.root.rstrip('/')}{OURS}"
    part, value = setting.path[2], setting.value
    words = [word for text in texts(value) for word in text.split(",")]
    if (
        (part == "device" and value not in (source, "none", "tmpfs") and not _is_lost(value))
        or (part == "fsType" and value not in ("none", "auto", *_IN_MEMORY))
        or (part == "options" and "bind" not in words)
    ):
        yield Opening(
            STATE,
            f"{setting.name} is {shown(value) or 'empty'}: the activation then does not find the "
            f"releases and secrets of {view.host.name}, which are in {source}",
            "leave it out: persistence.root says where they are",
        )


@rule("systemd.mounts")
def units(setting: Setting, view: View) -> Iterator[Opening]:
    """Mounts that are written as units."""
    for unit in setting.value if isinstance(setting.value, tuple) else ():
        if not isinstance(unit, Mapping):
            continue
        where, what = unit.get("where"), unit.get("what")
        is_lost = unit.get("type") in _IN_MEMORY or what in _IN_MEMORY or _is_lost(what)
        if is_lost and isinstance(where, str):
            yield from _opening(setting, view, where, f"has {shown(what)} at {where}")


@rule("systemd.services.*.serviceConfig.TemporaryFileSystem")
def hidden(setting: Setting, view: View) -> Iterator[Opening]:
    """A file system in memory that a unit of a service sees in place of its state."""
    unit = setting.path[2].removesuffix(".service")
    for service in view.plan.on(view.host.name):
        if unit not in (*service.entry.units, *service.entry.helpers):
            continue
        known = next((u for m in service.modules if (u := unit_of(m, unit, service.release))), None)
        if known is not None and _is_without_state(known, service):
            continue
        seen = (*_mounted_again(setting, view), *_by_module(known, setting, view))
        for word in (w for text in texts(setting.value) for w in text.split()):
            mount = word.partition(":")[0]
            for path in service.state or (p for p in service.entry.persist if "/redis-" not in p):
                if below(path, (mount,)) and not below(path, seen):
                    yield Opening(
                        STATE,
                        f"{setting.name} is {shown(setting.value)}: {path}, state of "
                        f"{service.name}, would be lost at each restart of the unit",
                        f'leave it out, or let the unit see it: BindPaths = [ "{path}" ]',
                    )
                    return


def _is_without_state(unit: Unit, service: Service) -> bool:
    """Whether other units of its module alone read and write the state."""
    facts = (release_of(module, service.release) for module in service.modules)
    return not unit.opens_state and any(
        other.opens_state
        for release in facts
        if release is not None and unit.name in release.units
        for other in release.units.values()
    )


_STATE_DIRECTORY, _BOUND = "StateDirectory", "BindPaths"
_SANDBOX = ("homelab", "hardening", "units")


def _mounted_again(setting: Setting, view: View) -> Iterator[str]:
    """What the owner or the plan mounts for a unit above a file system in memory. systemd itself
    mounts the directories of `StateDirectory` again.
    """
    at = (*setting.path[:-1],)
    for name, found in ((_STATE_DIRECTORY, _directories), (_BOUND, _bound)):
        said = [*texts(view.value(*at, name))]
        for value in (*written(view, (*at, name)), *written(view, (*_SANDBOX, at[2], name))):
            items = value if isinstance(value, list | tuple) else (value,)
            said += [item for item in items if isinstance(item, str)]
        yield from found(word for text in said for word in text.split())


def _by_module(known: Unit | None, setting: Setting, view: View) -> Iterator[str]:
    """The same, where the module of nixpkgs sets it and the owner replaces it by nothing else."""
    at = (*setting.path[:-1],)
    forced = {s.path[-1] for s in view.settings if s.path[:-1] == at and s.forced is not None}
    for name, found in ((_STATE_DIRECTORY, _directories), (_BOUND, _bound)):
        if known is not None and name not in forced:
            yield from found(known.text(name).split())


def _directories(words: Iterable[str]) -> Iterator[str]:
    """The directories of `StateDirectory`: those of a dynamic user are in the private one."""
    for word in words:
        name = word.partition(":")[0]
        yield from (f"/var/lib/{name}", f"/var/lib/private/{name}")


def _bound(words: Iterable[str]) -> Iterator[str]:
    """The places of `BindPaths` in the unit: `-/srv/x:/var/lib/x:rbind`."""
    for word in words:
        source, _, rest = word.lstrip("-+").partition(":")
        yield rest.partition(":")[0] or source


@rule("systemd.tmpfiles.rules", "systemd.tmpfiles.settings.*.*.**")
def removed(setting: Setting, view: View) -> Iterator[Opening]:
    """Rules of tmpfiles that remove what must survive, or what is old in it."""
    rules = _lines(setting.value) if setting.path[2] == "rules" else _of_setting(setting, view)
    for kind, path, age in rules:
        how = _removes(kind, age)
        removed_paths = _all(view, aged=how == _OLD) if how else ()
        found = next(((p, w) for p, w in removed_paths if _is_hit(p, path)), None)
        if found is not None:
            yield Opening(
                STATE,
                f"{setting.name} has {kind} {path}, which {how} {found[0]}, {found[1]}",
                "leave it out, or name a directory in it that may be lost",
            )


def _all(view: View, *, aged: bool) -> Iterator[tuple[str, str]]:
    # A cache may be emptied, and old logs may go. So may old files of what can be had again, such
    # as recordings and downloads.
    yield from ((p, why) for p, why in survivors(view) if p not in ("/var/cache", "/var/log"))
    for dataset in view.plan.datasets_on(view.host.name):
        if aged and dataset.tier == "re-derivable":
            continue
        yield dataset.path, f"the dataset {dataset.name}"
    yield "/var/lib/nixos", "ids of users and groups"
    yield "/home", "home directories"
    yield from ((file, "which makes the host the one that others know") for file in FILES)


def _lines(value: Value) -> Iterator[tuple[str, str, str]]:
    """(type, path, age) of lines of tmpfiles.d(5)."""
    for line in (line for text in texts(value) for line in text.splitlines()):
        words = ["".join(found) for found in _WORD.findall(line)]
        if len(words) > 1 and not words[0].startswith("#"):
            yield words[0], words[1], words[5] if len(words) > 5 else ""


def _of_setting(setting: Setting, view: View) -> Iterator[tuple[str, str, str]]:
    """(type, path, age) of a part of `systemd.tmpfiles.settings.NAME."PATH".TYPE`."""
    path, kind, part = setting.path[4], setting.path[5:6], setting.path[6:]
    if kind and part in ((), ("age",)) and isinstance(setting.value, str | Mapping):
        age = setting.value if isinstance(setting.value, str) else setting.value.get("age")
        yield kind[0], path, age if isinstance(age, str) else ""
    elif kind and part and part == _first(setting, view):
        yield kind[0], path, ""


def _first(setting: Setting, view: View) -> tuple[str, ...]:
    """The part of a rule that stands for the rule, where it has no age: the first one."""
    same = [s.path[6:] for s in view.settings if s.path[:6] == setting.path[:6]]
    return () if ("age",) in same else next(iter(same), setting.path[6:])


def _removes(kind: str, age: str) -> str:
    """What a rule does to a path, in words; empty if it removes nothing."""
    letter, more = kind[:1], kind[1:]
    if letter in "rR" or (letter in "Lpcb" and "+" in more):
        return "removes"
    if letter == "D":
        return "empties, at each boot,"
    return _OLD if letter in _AGED and age.strip("~-") else ""


def _is_hit(path: str, pattern: str) -> bool:
    """Whether a rule for a pattern concerns a directory as a whole: itself, or one above it."""
    above = (path, *map(str, PurePosixPath(path).parents))
    wanted = pattern.removesuffix("/*").rstrip("/") or "/"
    return any(fnmatchcase(p, wanted) and p.count("/") == wanted.count("/") for p in above)
