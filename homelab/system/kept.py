"""The directories that survive a restart of a host with a temporary root.

They follow from what runs: state from the catalog, databases and helpers, state of other enabled
modules, and the machine's identity. The stack can add directories, and remove some with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from homelab.catalog.upstream import release_of
from homelab.nix import Module
from homelab.offline.delivery import BUNDLES, relay_of
from homelab.plan import Plan
from homelab.services.declared import declared_options
from homelab.services.model import Service
from homelab.services.own import original_entry
from homelab.system.file_systems import is_within
from homelab.system.model import Host
from homelab.system.named_paths import FLEETING, named_paths
from homelab.system.switched_on import PRIVATE, leaves, switched_on, whole

OURS = "/var/lib/homelab"
"""Releases and secrets: mounted before the activation, which reads them."""
FILES = (
    "/etc/machine-id",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_rsa_key.pub",
)
_MACHINE = (
    ("/home", "home directories"),
    ("/var/cache", "caches, such as restic's, that are slow to rebuild"),
    ("/var/lib/nixos", "ids of users and groups"),
    ("/var/lib/systemd", "timers, random seed, clock, lingering users"),
    ("/var/log", "the journal"),
)


@dataclass(frozen=True)
class Kept:
    """A directory that survives a restart, and why."""

    path: str
    why: str
    user: str = ""
    """Its owner; empty means root, because systemd changes the owner of a StateDirectory itself."""
    units: tuple[str, ...] = ()
    """Units that write it, without `.service`."""


def kept(plan: Plan, host: Host, made: Sequence[Module]) -> tuple[Kept, ...]:
    """Every kept directory besides `OURS`, by path; none lies within another."""
    config = host.config.persistence
    if config is None:
        return ()
    # One directory of a dynamic user needs the private one as its parent, see there.
    said = [PRIVATE if is_within(path, PRIVATE) else path for path in config.directories]
    wanted = [*_derived(plan, host, made), *(Kept(path, "the stack says so") for path in said)]
    elsewhere = (config.root, *config.mounted)
    disks = tuple(_disks(plan, host))
    chosen: dict[str, Kept] = {}
    for one in sorted(wanted, key=lambda k: (len(PurePosixPath(k.path).parts), k.path)):
        # What the stack names in a directory that may be lost is kept all the same.
        lost = () if one.path in said else config.forget
        if one.path == OURS or any(is_within(one.path, top) for top in (*elsewhere, *lost)):
            continue
        # The stack may name a dataset that has no disk of its own.
        named = one.path in config.directories
        if any(is_within(one.path, top) and (sure or not named) for top, sure in disks):
            continue
        top = next((path for path in chosen if is_within(one.path, path)), "")
        if not top:
            chosen[one.path] = one
            continue
        before = chosen[top]
        why = before.why if one.why in before.why.split(", ") else f"{before.why}, {one.why}"
        units = tuple(dict.fromkeys((*before.units, *one.units)))
        chosen[top] = Kept(top, why, before.user or (one.user if one.path == top else ""), units)
    return tuple(chosen[path] for path in sorted(chosen))


def by_itself(plan: Plan, host: Host, made: Sequence[Module]) -> set[str]:
    """Paths that are kept by default, which `forget` may name."""
    return {*FILES, *(k.path for k in _derived(plan, host, made))} - {OURS}


def _derived(plan: Plan, host: Host, made: Sequence[Module]) -> Iterator[Kept]:
    yield from _machine(plan, host)
    yield from _services(plan, host)
    yield from _databases(plan, host)
    yield from _options(plan, host, made)


def _machine(plan: Plan, host: Host) -> Iterator[Kept]:
    for path, why in _MACHINE:
        yield Kept(path, why)
    if any(relay_of(plan, other) is host for other in plan.hosts.values()):
        yield Kept(BUNDLES, "bundles of offline hosts")
    if any(c.host == host.name for c in plan.certificates.certificates):
        yield Kept(plan.certificates.directory, "certificates")


def _databases(plan: Plan, host: Host) -> Iterator[Kept]:
    """Servers of databases for services of other hosts."""
    for database in plan.databases_on(host.name):
        if database.is_remote:
            unit = database.redis_unit or database.kind
            yield Kept(f"/var/lib/{unit}", f"database of {database.service}", "", (unit,))


def _services(plan: Plan, host: Host) -> Iterator[Kept]:
    for service in plan.on(host.name):
        entry = service.entry
        writers = (*entry.units, *entry.helpers)
        original = original_entry(plan.stack, service.name, service.config, service.host)
        # If a dataset replaces a state directory, the original still holds the rest.
        state = (*service.state, *entry.state, *(original.state if original else ()))
        for path in dict.fromkeys(state):
            user = "" if entry.dynamic_user or entry.user == "root" else _user(service)
            yield Kept(whole(path), service.name, user, writers)
        for path, user in _upstream(service):
            yield Kept(whole(path), service.name, user, writers)
        if entry.database in ("postgresql", "mysql"):
            units = (*writers, entry.database)
            yield Kept(f"/var/lib/{entry.database}", f"database of {service.name}", "", units)
        for path in entry.persist:
            yield Kept(whole(path), service.name, "", writers)
        for path in service.harden.read_write:
            # Also keep other directories that its sandbox may write.
            if not any(is_within(path, top) for top in FLEETING):
                yield Kept(whole(path), service.name, "", writers)
        for part in service.parts:
            for mount in part.config.mounts:
                if not mount.read_only:
                    yield Kept(whole(mount.source), service.name, "", (part.unit,))
        if any(d.kind != "builtin" for d in entry.dumps):
            yield Kept("/var/backup", "dumps for the backup")


def _upstream(service: Service) -> Iterator[tuple[str, str]]:
    """Directories that the modules of nixpkgs create for a service, and their owner: also of
    services without valuable state, which would fill a root in memory.
    """
    for module in service.modules:
        facts = release_of(module, service.release)
        if facts is None:
            continue
        known = service.entry.user in facts.users and not service.entry.dynamic_user
        made = dict.fromkeys(facts.made, _user(service) if known else "")
        for unit in facts.units.values():
            made |= dict.fromkeys(unit.state_directories, "")
        for path, user in sorted(made.items()):
            if path.startswith("/var/lib/") and "{" not in path:
                yield path, "" if user == "root" else user


def _user(service: Service) -> str:
    """The owner of its state; empty if an option of the stack may set another user."""
    named = any(option.path[-1] == "user" for option in declared_options(service.config))
    return "" if named else service.entry.user


def _options(plan: Plan, host: Host, made: Sequence[Module]) -> Iterator[Kept]:
    """State of what the host's other modules enable, and of their units."""
    dynamic = {
        unit
        for service in plan.on(host.name)
        if service.entry.dynamic_user
        for unit in (*service.entry.units, *service.entry.helpers)
    }
    trees = (tree for module in made for tree in (module.derived, module.stated))
    options = [leaf for tree in trees for leaf in leaves(tree)]
    for one in switched_on(options, host.config.state_version, surely=False, dynamic=dynamic):
        yield Kept(one.path, one.option, one.user, (one.unit,) if one.unit else ())
    stated = [leaf for module in made for leaf in leaves(module.stated)]
    yield from (Kept(one.path, one.option) for one in named_paths(stated) if one.sure)


def _disks(plan: Plan, host: Host) -> Iterator[tuple[str, bool]]:
    """Places on disks of their own, as far as datasets tell, and whether the stack config says that
    there is a disk.
    """
    for dataset in plan.datasets_on(host.name):
        found = host.file_system_of(dataset.path)
        sure = dataset.is_mount_stated or (found is not None and found.mount != "/")
        yield from ((p, sure) for p in (dataset.mount, dataset.path) if p != "/")
