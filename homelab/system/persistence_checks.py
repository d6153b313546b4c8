"""Checks of a root that forgets: it does forget, the disk that keeps is there, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from homelab.check import file_check
from homelab.config.host_options import Persistence
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.blank_root import blank_root_problems
from homelab.system.file_systems import (
    file_systems,
    fs_type,
    is_rolled_back,
    is_within,
    root_type,
)
from homelab.system.kept import OURS, by_itself, kept
from homelab.system.model import Host
from homelab.system.named_paths import named_paths
from homelab.system.own import are_modules_here
from homelab.system.own_flake import system_settings
from homelab.system.shared_directories import SHARED, has_own, way_out
from homelab.system.switched_on import Switched, of_catalog, switched_on

PERSISTENCE_COMPLETE = file_check(
    "persistence-complete",
    "error",
    "If the root is emptied at each boot, a directory that is not kept is lost at a restart.",
)
PERSISTENCE_ROOT = file_check(
    "persistence-root",
    "error",
    "Persistence needs a root that is emptied at each boot, and a mounted disk for what is kept.",
)

IN_MEMORY = ("tmpfs", "ramfs")
_WITHOUT_OWNERS = ("exfat", "fat", "msdos", "ntfs", "ntfs3", "ntfs-3g", "vfat")
"""File systems that know no owner of a file and no permissions."""
IDENTITY = {
    OURS: "loses its releases and secrets",
    "/etc/ssh/ssh_host_ed25519_key": "is another machine at each start: it cannot open its "
    "secrets, and nothing that knows its key connects to it",
    "/etc/ssh/ssh_host_ed25519_key.pub": "does not know which key its secrets are encrypted for",
    "/var/lib/nixos": "gives its users other numbers, and what they own belongs to others",
}
"""What no host can do without from one start to the next, and what happens then."""

Sources = Mapping[str, str | bytes]


def check_persistence(plan: Plan, sources: Sources, *, sound: bool = True) -> Iterator[Problem]:
    """Every host whose root forgets, or is said to. What is kept follows from a host's modules,
    which only a plan that is `sound` makes.
    """
    for host in plan.hosts.values():
        # A file that is missing is named by a check of its own, and a planned host has none yet.
        if not host.is_nixos or not are_modules_here(host, sources):
            continue
        config = host.config.persistence
        if config is None:
            yield from _forgotten(plan, host, sources)
            continue
        if config.blank is not None:
            for problem in blank_root_problems(host, config.blank, sources):
                yield replace(problem, check=PERSISTENCE_ROOT)
        else:
            yield from _forgets(plan, host, sources)
        yield from _disk(plan, host, config, sources)
        if sound:
            yield from _known(plan, host, config, sources)
            yield from _complete(plan, host, config, sources)


def _forgotten(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    kind = root_type(host, sources)
    if kind in IN_MEMORY:
        yield Problem(
            host.source,
            f"the root of {host.name} is a {kind}, so a restart loses everything that is not "
            "on another file system, its keys and releases too",
            "add persistence: {root: /persist}, a directory on a disk",
            check=PERSISTENCE_ROOT,
            cause=f"{host.source}.persistence",
        )


def _forgets(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    kind = root_type(host, sources)
    if kind and kind not in IN_MEMORY and not is_rolled_back(host, sources):
        yield Problem(
            f"{host.source}.persistence",
            f"the root of {host.name} is {kind}, and no module of its own empties it, so "
            "nothing on it is temporary",
            (
                'add blank: "@root-blank", a subvolume that the root is made from at each boot'
                if kind == "btrfs"
                else f'write fsType = "tmpfs" for "/" in {host.config.hardware}'
            )
            + "; or empty it in the initrd with a module of yours (zfs rollback), or leave "
            "persistence out",
            check=PERSISTENCE_ROOT,
        )


def _disk(plan: Plan, host: Host, config: Persistence, sources: Sources) -> Iterator[Problem]:
    named = file_systems(host, sources)
    where = f"{host.source}.persistence.{'mount' if config.mount else 'root'}"
    if not is_within(config.root, config.disk):
        yield Problem(
            where,
            f"{config.root} does not lie below {config.disk}",
            "write the mount point of the disk that it is on",
            check=PERSISTENCE_ROOT,
        )
    if config.disk not in named:
        known = sorted(named - {"/"})
        yield Problem(
            where,
            f"no module of {host.name} mounts {config.disk}, so kept directories would be on the "
            "temporary root",
            did_you_mean(config.disk, known, "mounts") + f"; add "
            f'fileSystems."{config.disk}" to {host.config.hardware}, or, where {config.root} is '
            "a directory of a larger one, name that as mount",
            check=PERSISTENCE_ROOT,
        )
    kind = fs_type(host, sources, config.disk)
    if kind in (*_WITHOUT_OWNERS, *IN_MEMORY):
        keeps = "nothing after a restart" if kind in IN_MEMORY else "no owners of files"
        yield Problem(
            where,
            f"{config.disk} is {kind}, which keeps {keeps}",
            "name a directory on another disk, with ext4, btrfs, xfs or zfs",
            check=PERSISTENCE_ROOT,
        )
    for i, path in enumerate(config.mounted):
        if path not in named:
            yield Problem(
                f"{host.source}.persistence.mounted[{i}]",
                f"no module of {host.name} mounts {path}, so it is on the temporary root",
                did_you_mean(path, sorted(named - {"/"}), "mounts") + "; or take it out, "
                "and it is kept",
                check=PERSISTENCE_ROOT,
            )


def _known(plan: Plan, host: Host, config: Persistence, sources: Sources) -> Iterator[Problem]:
    from homelab.render import modules_of

    known = by_itself(plan, host, modules_of(plan, host))
    found = (*_switched_on(host, sources), *_named(host, sources))
    known |= {one.path for one in found} - {*SHARED}
    for path in sorted({*config.forget} - known - IDENTITY.keys()):
        yield Problem(
            f"{host.source}.persistence.forget",
            f"{path} is not kept anyway",
            did_you_mean(path, known - IDENTITY.keys(), "kept directories") + "; or drop it",
            check=PERSISTENCE_COMPLETE,
        )
    for path in sorted({*config.forget} & IDENTITY.keys()):
        yield Problem(
            f"{host.source}.persistence.forget",
            f"without {path} the host {IDENTITY[path]}",
            "drop it",
            check=PERSISTENCE_COMPLETE,
        )


def _complete(plan: Plan, host: Host, config: Persistence, sources: Sources) -> Iterator[Problem]:
    from homelab.render import modules_of

    if plan.stack.site.mutable_users:
        yield Problem(
            "site.mutable_users",
            f"{host.name} creates its accounts again at each start, so accounts and passwords made "
            "by hand are lost",
            "write mutable_users: false, and give the people of the stack their passwords "
            "(password)",
            check=PERSISTENCE_COMPLETE,
        )
    keep = kept(plan, host, modules_of(plan, host))
    named = file_systems(host, sources) - {"/"}
    for one in keep:
        mount = next((m for m in named if is_within(one.path, m)), "")
        # A file system in memory keeps nothing, and `state-moved` says so.
        if mount and fs_type(host, sources, mount) not in IN_MEMORY:
            yield Problem(
                f"{host.source}.persistence",
                f"{one.path} lies on a file system of its own, {mount}, which a second mount "
                "would hide",
                f"add mounted: [{mount}]",
                check=PERSISTENCE_COMPLETE,
            )
    places = {*(one.path for one in keep), *config.mounted, *config.forget, config.root, *named}
    places |= {dataset.path for dataset in plan.datasets_on(host.name)}
    units = {unit for one in keep for unit in one.units}
    yield from _emptied(host, config, sources, places, units)


def _emptied(
    host: Host, config: Persistence, sources: Sources, places: set[str], units: set[str]
) -> Iterator[Problem]:
    """State that the host's hand-written modules name, apart from what is at these places, and that
    of these units.
    """
    safe = places | set(_kept_there(host, sources))
    settings = [(s.path, s.value) for s in system_settings(host, sources)]
    lost: dict[str, list[Switched]] = {}
    seen: set[str] = set()
    for state in (*_switched_on(host, sources), *_named(host, sources)):
        # A module and the option that moves its data are one.
        if state.path in seen or any(is_within(state.path, place) for place in safe):
            continue
        if state.path not in SHARED:
            lost.setdefault(state.option, []).append(state)
            seen.add(state.path)
        elif not has_own(state.option, settings, units):
            yield _lost(host, state.option, [state], way_out(state.option, state.path))
    for option, found in sorted(lost.items()):
        each = [*dict.fromkeys(one.path for one in found)]
        paths = ", ".join(each)
        user = next((one.user for one in found if one.user), "")
        yield _lost(
            host,
            option,
            found,
            (
                f'write in it: environment.persistence."{config.root}".directories = '
                f"[ {' '.join(_owned(path, user) for path in each)} ]"
                if user
                else f"add directories: [{paths}]"
            )
            + f"; or, if it may be lost, write persistence.forget: {{{': …, '.join(each)}: …}}",
        )


def _lost(host: Host, option: str, found: Sequence[Switched], way_out: str) -> Problem:
    sure = any(one.sure for one in found)
    paths = ", ".join(dict.fromkeys(one.path for one in found))
    return Problem(
        f"{host.source}.persistence.directories",
        f"a module of {host.name} sets {option}, which {'keeps its' if sure else 'may keep'} "
        f"state in {paths}, and a restart empties that",
        way_out,
        check=PERSISTENCE_COMPLETE,
        severity="error" if sure else "warning",
    )


def _owned(path: str, user: str) -> str:
    return f'{{ directory = "{path}"; user = "{user}"; }}'


def _named(host: Host, sources: Sources) -> Iterator[Switched]:
    """Directories that the modules name for data. Pools of ZFS mount themselves, and a directory
    with a mount in it is not lost as a whole.
    """
    settings = [(s.path, s.value) for s in system_settings(host, sources)]
    pools = [v for path, v in settings if path == ("boot", "zfs", "extraPools")]
    mounts = file_systems(host, sources) - {"/"}
    mounts |= {f"/{n}" for v in pools if isinstance(v, tuple) for n in v if isinstance(n, str)}
    for one in named_paths(settings):
        if not any(is_within(one.path, m) or is_within(m, one.path) for m in mounts):
            yield one


def _kept_there(host: Host, sources: Sources) -> Iterator[str]:
    """Directories that the host's hand-written modules keep by themselves."""
    for setting in system_settings(host, sources):
        path, value = setting.path, setting.value
        if path[:2] == ("environment", "persistence") and path[3:] == ("directories",):
            for item in value if isinstance(value, tuple) else ():
                named = item.get("directory") if isinstance(item, Mapping) else item
                if isinstance(named, str):
                    yield named


def _switched_on(host: Host, sources: Sources) -> Iterator[Switched]:
    """The state of what the host's hand-written modules enable, and of their units."""
    options = [(s.path, s.value) for s in system_settings(host, sources)]
    yield from switched_on(options, host.config.state_version, surely=True)
    for found in of_catalog(options, also_kept=True).values():
        yield from found
