"""Checks of directories in the stack config that already belong to something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.check import check
from homelab.config.static import role_of
from homelab.hardening.baseline import HIDDEN, HOMES
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.storage.owners import EVERY, Kind, Relation, Taken, is_fixed, stated_state, taken
from homelab.system.model import Host

_OWN = "name a separate directory"
_SHARED = f"remove it and {_OWN}, or share a dataset (services.….datasets)"


@dataclass(frozen=True)
class Use:
    """A directory in the stack config, and its use there."""

    where: str
    host: str
    path: str
    kinds: tuple[Kind, ...]
    """Kinds of directories that are refused for this use."""
    does: str
    """The consequence, as the second half of the problem."""
    way_out: str
    services: tuple[str, ...] = ()
    """Services that may use their own state here."""
    reads: bool = False
    relations: tuple[Relation, ...] = EVERY
    allowed: tuple[str, ...] = ()
    """Paths of directories that are accepted all the same."""
    keeps: bool = False
    """Whether it is where a host with a wiped root keeps its files."""


@check("path-taken")
def path_taken(plan: Plan) -> Iterator[Problem]:
    """A service that writes a directory of the system, of homelab or of another service breaks the
    host, and one that reads a directory of secrets learns them.
    """
    seen: set[tuple[str, str]] = set()
    for use in uses(plan):
        found = taken(
            plan,
            use.host,
            use.path,
            use.kinds,
            services=use.services,
            reads=use.reads,
            relations=use.relations,
            allowed=use.allowed,
            keeps=use.keeps,
        )
        if found is None or _is_reported_by_the_other(found, use) or (use.where, use.path) in seen:
            continue
        seen.add((use.where, use.path))
        yield Problem(use.where, f"{found}, and {use.does}", _moves(found, use) or use.way_out)


def _moves(found: Taken, use: Use) -> str:
    """The way out where the other directory is in the wrong place: on a host with a wiped root,
    what lies where its files are kept. Empty where this one is.
    """
    owner = found.owner
    if not use.keeps or found.relation == "lies in" or owner.kind not in ("repository", "state"):
        return ""
    inside = owner.path.removeprefix(found.path)
    such = f", such as {inside}" if inside and not is_fixed(inside) else ""
    keeps = f", and add it to {use.where.rpartition('.')[0]}.directories"
    return f"name a directory outside of {found.path} for {owner.what}{such}" + (
        keeps if owner.kind == "repository" else "; it is kept there too"
    )


def _is_reported_by_the_other(found: Taken, use: Use) -> bool:
    """Whether the problem belongs to the other of two services with one state directory."""
    owner = found.owner
    if owner.kind != "state" or owner.derived or ".state[" not in use.where:
        return False
    return found.relation == "holds" or (found.relation == "is" and (owner.service,) > use.services)


def uses(plan: Plan) -> Iterator[Use]:
    """Every directory in the stack config. Backup targets and container mounts have their own
    checks.
    """
    for dataset in plan.datasets:
        yield from _dataset(plan, dataset)
    for mounted in plan.mounted:
        server = plan.stack.datasets[mounted.name].host
        yield Use(
            mounted.source,
            mounted.host,
            mounted.path,
            ("dumps", "home", "homelab", "memory", "repository", "secret", "state", "system"),
            "a mount would hide what is there",
            f"name a separate directory, such as /mnt/{server}/{mounted.name}",
            mounted.users,  # nfs-write reports state in it.
        )
    for service in plan.services:
        yield from _service(service)
    for host in plan.hosts.values():
        yield from _host(host)


def _dataset(plan: Plan, dataset: Dataset) -> Iterator[Use]:
    where = f"{dataset.source}.path"
    does = f"as a dataset it would belong to {dataset.owner}:{dataset.group}, mode {dataset.mode}"
    way = f"name a separate directory, such as /srv/{dataset.name}"
    system: tuple[Kind, ...] = ("dumps", "home", "homelab", "memory", "secret", "system")
    yield Use(where, dataset.host, dataset.path, system, does, way)
    # A service may keep its state in a dataset, but a dataset must not lie in another's state.
    mine = dataset.users
    yield Use(where, dataset.host, dataset.path, ("state",), does, way, mine, relations=_INSIDE)
    # backup-target-root reports a target in a dataset.
    repositories: tuple[Kind, ...] = ("repository",)
    yield Use(where, dataset.host, dataset.path, repositories, does, way, relations=("lies in",))


_INSIDE: tuple[Relation, ...] = ("is", "lies in")
_OTHERS: tuple[Kind, ...] = ("dumps", "home", "homelab", "secret", "state", "system")
_WRITES: tuple[Kind, ...] = (*_OTHERS, "repository")


def _service(service: Service) -> Iterator[Use]:
    name, host = service.name, service.host
    for where, path in stated_state(service):
        does = f"{name} would write it, and its backup would copy it to every target"
        way = f"name a separate directory, such as /var/lib/{name}"
        yield Use(where, host, path, (*_OTHERS, "memory"), does, way, (name,))
        # backup-target-root reports a target in the state of a service.
        yield Use(where, host, path, ("repository",), does, way, relations=_INSIDE)
    files = service.static.source if service.static is not None else ""
    if service.static is not None and files and not role_of(files):
        build = service.static.build is not None
        yield Use(
            service.at("static.build.source" if build else "static.directory"),
            host,
            files,
            # Only their users can read the state of services and their dumps.
            ("home", "homelab", "repository", "secret", "system"),
            f"{name} would show visitors what its build makes of it"
            if build
            else f"{name} would show it to every visitor",
            f"name the directory of the site alone, such as /srv/{name}",
            (name,),
            reads=True,
        )
    for index, path in enumerate(service.config.backup.include or ()):
        yield Use(
            service.at(f"backup.include[{index}]"),
            host,
            path,
            ("homelab", "memory", "repository", "secret", "system"),
            "its backup would copy it to every target",
            "name the directories that contain its data",
            (name,),
            reads=True,
        )
    for kind in ("read_write", "read_only"):
        writes = kind == "read_write"
        for path in getattr(service.harden, kind):
            if path.rstrip("/") in ("", *HIDDEN, *HOMES):
                continue  # harden-exception reports it
            # `relax: {protect-home: …}` has a reason already.
            homes = "protect-home" in service.harden.relax
            kinds = tuple(k for k in _WRITES if not (homes and k == "home"))
            yield Use(
                service.at(f"harden.{kind}"),
                host,
                path,
                kinds if writes else ("homelab", "repository", "secret"),
                f"{name} would {'write' if writes else 'read'} it",
                _SHARED,
                (name,),
                reads=not writes,
            )


_GIVEN = ("/", "/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr")
"""NixOS creates these at each boot. A directory in /etc may be kept."""
_MOUNTED = ("/boot", "/dev", "/efi", "/nix", "/proc", "/run", "/sys", "/var/run")
"""Separate file systems: a mount over them would hide their content."""


def _host(host: Host) -> Iterator[Use]:
    if not host.is_nixos:
        return
    if (path := host.config.nix.build_dir) is not None:
        yield Use(
            f"{host.source}.nix.build_dir",
            host.name,
            path,
            _WRITES,
            "builds would run there",
            f"{_OWN}, such as /var/nix-build",
            allowed=("/nix",),
        )
    config = host.config.persistence
    if config is None:
        return
    where = f"{host.source}.persistence"
    places = {"root": config.root} | ({"mount": config.mount} if config.mount else {})
    for field, path in places.items():
        yield Use(
            f"{where}.{field}",
            host.name,
            path,
            ("dumps", "home", "homelab", "memory", "repository", "secret", "state", "system"),
            "persistent data would be stored there",
            "name a directory on a separate disk: /persist, or /nix/persist with mount: /nix",
            relations=EVERY if field == "root" else _INSIDE,
            allowed=("/nix",),
            keeps=True,
        )
    for field in ("directories", "files"):
        for index, path in enumerate(getattr(config, field)):
            if host.role == "agent" and path.rstrip("/") == "/etc":
                continue  # agent-posture reports it
            if path.rstrip("/") in ("", *_GIVEN) or below(path, _MOUNTED):
                yield Use(
                    f"{where}.{field}[{index}]",
                    host.name,
                    path,
                    ("memory", "system"),
                    "a mount over it would hide what NixOS puts there",
                    "leave it out, or name the directory in it that must survive",
                )
