"""What a directory of a host belongs to: the system, homelab, a service, or secrets.

Everything in the stack config that names a directory uses this module: datasets, state, sandboxes,
container mounts, backups and persistence. Each of them states which kinds it refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from homelab.hardening.paths import below
from homelab.plan import Plan, once
from homelab.services.follow import stated_at
from homelab.services.model import Service

Kind = Literal["dumps", "home", "homelab", "memory", "repository", "secret", "state", "system"]
Relation = Literal["is", "lies in", "holds"]
EVERY: tuple[Relation, ...] = ("is", "lies in", "holds")


@dataclass(frozen=True)
class Owner:
    """A directory that belongs to something."""

    path: str
    kind: Kind
    what: str
    """What it is, as a noun: `the state of vaultwarden`."""
    inside: bool = True
    """Whether everything below it belongs to the same owner."""
    readable: bool = False
    """Whether every user of the host may read what lies below it."""
    final: bool = False
    """Whether `accept` cannot allow its use."""
    service: str = ""
    """The service, for a state directory."""
    derived: bool = False
    """Whether it comes from the catalog and not from the stack config."""


@dataclass(frozen=True)
class Taken:
    """The relation of a path in the stack config to an owned directory."""

    path: str
    relation: Relation
    owner: Owner

    def __str__(self) -> str:
        if self.relation == "is":
            return f"{self.path} is {self.owner.what}"
        return f"{self.path} {self.relation} {self.owner.path}, {self.owner.what}"


_SYSTEM = "a directory of the system"
_FIXED: tuple[Owner, ...] = (
    # Services and people have directories below these.
    *(
        Owner(path, "system", _SYSTEM, inside=False)
        for path in ("/", "/run", "/var", "/var/cache", "/var/db", "/var/lib", "/var/lib/private")
    ),
    *(Owner(path, "system", _SYSTEM, inside=False) for path in ("/var/log", "/var/spool")),
    *(Owner(path, "system", _SYSTEM) for path in ("/boot", "/dev", "/efi", "/proc")),
    *(
        Owner(path, "system", _SYSTEM, readable=True)
        for path in ("/bin", "/etc", "/lib", "/lib64", "/nix", "/sbin", "/sys", "/usr")
    ),
    *(
        Owner(path, "system", _SYSTEM)
        for path in ("/run/dbus", "/run/systemd", "/run/user", "/run/wrappers", "/var/lib/systemd")
    ),
    # Opening a socket for reading and writing needs no writable mount.
    *(
        Owner(path, "system", "a socket that gives root")
        for path in (
            *("/nix/var/nix/daemon-socket", "/run/containerd", "/run/docker.sock", "/run/libvirt"),
            *("/run/podman", "/var/lib/incus", "/var/lib/libvirt"),
        )
    ),
    Owner("/var/lib/nixos", "system", "where NixOS stores user ids"),
    Owner("/var/lib/containers", "system", "where Podman stores its containers"),
    Owner("/var/lib/docker", "system", "where Docker stores its containers"),
    *(
        Owner(path, "memory", "a place that is empty after a restart")
        for path in ("/run", "/tmp", "/var/tmp")  # noqa: S108 - names
    ),
    *(
        Owner(path, "homelab", "homelab's own directory", final=True)
        for path in (
            *("/etc/homelab", "/run/homelab", "/run/homelab-card", "/run/homelab-containers"),
            *("/run/homelab-files", "/run/homelab-install", "/run/homelab-metrics"),
            *("/run/homelab-nfs", "/run/homelab-recovery", "/run/homelab-root"),
            *("/run/homelab-watch", "/var/lib/homelab", "/var/lib/homelab-bundles"),
            "/var/lib/homelab-certificates",
            *(
                "/var/lib/homelab-gate",
                "/var/lib/homelab-lldap",
                "/var/lib/homelab-pocket-id",
                "/var/lib/homelab-recovery",
            ),
        )
    ),
    *(
        Owner(path, "secret", "where sops-nix writes the secrets of the host", final=True)
        for path in (
            *("/run/secrets", "/run/secrets.d", "/run/secrets-for-users"),
            *("/run/secrets-for-users.d", "/var/lib/sops-nix"),
        )
    ),
    *(
        Owner(path, "secret", "where agenix writes the secrets of the host", final=True)
        for path in ("/run/agenix", "/run/agenix.d", "/run/keys")
    ),
    Owner("/run/credentials", "secret", "where systemd has the secrets of services", final=True),
    Owner("/etc/ssh", "secret", "where the host has the key that decrypts its secrets", final=True),
    Owner("/root", "secret", "the home directory of root"),
    *(
        Owner(path, "secret", "a file of passwords")
        for path in ("/etc/shadow", "/etc/NetworkManager", "/etc/wireguard", "/var/lib/iwd")
    ),
    Owner("/var/lib/acme", "secret", "where the host has the keys of its certificates"),
    Owner("/var/lib/tailscale", "secret", "where the host has its tailnet key"),
    Owner("/var/backup", "dumps", "where the databases of the host are dumped"),
    Owner("/home", "home", "all home directories", inside=False),
)
_NOT_KEPT = (
    *("/bin", "/boot", "/dev", "/efi", "/lib", "/lib64", "/nix", "/proc", "/run", "/sbin", "/sys"),
    *("/tmp", "/usr", "/var/tmp"),  # noqa: S108 - names
)
"""Nothing in these survives a restart by `persistence`, or they have file systems of their own."""
_DATABASES = {
    name: Owner(f"/var/lib/{name}", "state", "the databases of the host", derived=True)
    for name in ("postgresql", "mysql")
}


def taken(
    plan: Plan,
    host: str,
    path: str,
    kinds: Collection[Kind],
    *,
    services: Collection[str] = (),
    reads: bool = False,
    relations: Collection[Relation] = EVERY,
    allowed: Collection[str] = (),
    keeps: bool = False,
) -> Taken | None:
    """The directory of these kinds that a path is, lies in or contains; None if there is none.

    The nearest directory counts. The state of `services` and the paths in `allowed` are left out,
    and with `reads` also the content of directories that every user may read. With `keeps`, the
    path is where a host with a wiped root keeps its files: they are no reason against it.
    """
    found = [
        Taken(path, relation, owner)
        for place, known in _places(plan, host, _straight(path), keeps=keeps)
        for owner in known
        if owner.kind in kinds and owner.path not in allowed
        if not owner.service or owner.service not in services
        if (relation := _relation(place, owner)) is not None
        if relation in relations
        if not (reads and owner.readable and relation == "lies in")
    ]
    return min(found, key=_nearest, default=None)


def _places(
    plan: Plan, host: str, path: str, *, keeps: bool
) -> Iterator[tuple[str, Iterator[Owner]]]:
    """A path, and the one whose files it has on a host with a wiped root, with their owners."""
    known = owners(plan, host)
    yield path, (owner for owner in (*known, *_homes(path)))
    config = plan.hosts[host].config.persistence if host in plan.hosts else None
    if config is None or keeps or not below(path, (config.root,)):
        return
    place = path.removeprefix(config.root) or "/"
    yield place, (o for o in (*known, *_homes(place)) if not below(o.path, _NOT_KEPT))


def _nearest(one: Taken) -> tuple[bool, int, int, str]:
    """Sort key: a directory that contains the path before one in it, the deepest first."""
    return (
        one.relation == "holds",
        -len(one.owner.path) if one.relation != "holds" else -int(one.owner.final),
        EVERY.index(one.relation),
        one.owner.path,
    )


def _relation(path: str, owner: Owner) -> Relation | None:
    if path == owner.path:
        return "is"
    if owner.inside and path.startswith(f"{owner.path.rstrip('/')}/"):
        return "lies in"
    return "holds" if owner.path.startswith(f"{path.rstrip('/')}/") else None


def _straight(path: str) -> str:
    """The path without a trailing slash. On NixOS /var/run is a link to /run."""
    plain = path.rstrip("/") or "/"
    return f"/run{plain.removeprefix('/var/run')}" if below(plain, ("/var/run",)) else plain


def _homes(path: str) -> Iterator[Owner]:
    """The home that a path is in, and its hidden directories, which contain keys and programs.

    Other directories in a home may be shared.
    """
    parts = path.split("/")
    if parts[:2] == ["", "home"] and len(parts) > 2:
        home = "/".join(parts[:3])
        yield Owner(home, "home", f"the home directory of {parts[2]}", inside=False)
        if len(parts) > 3 and parts[3].startswith("."):
            hidden = f"{home}/{parts[3]}"
            yield Owner(hidden, "home", f"a place for programs and keys of {parts[2]}")


def owners(plan: Plan, host: str) -> tuple[Owner, ...]:
    """Every owned directory of a host, except people's homes."""
    # A target may name a host that does not exist.
    return _owners(plan).get(host) or (*_FIXED, *_of_targets(plan, host))


@once
def _owners(plan: Plan) -> Mapping[str, tuple[Owner, ...]]:
    return {h: (*_FIXED, *_of_services(plan, h), *_of_targets(plan, h)) for h in plan.hosts}


def _of_services(plan: Plan, host: str) -> Iterator[Owner]:
    datasets = {d.name: d.path for d in plan.datasets if d.host == host}
    for service in plan.on(host):
        used = [datasets[n] for n in service.datasets.values() if n in datasets]
        for path in service.state:
            stated = path in service.config.state
            # Datasets are shared between services. State in a directory of the system is a
            # problem of its own.
            shared = below(path, datasets.values() if stated else used)
            if not shared and not is_fixed(path):
                what = f"the state of {service.name}"
                yield Owner(
                    path.rstrip("/"), "state", what, service=service.name, derived=not stated
                )
        if (database := _DATABASES.get(service.entry.database)) is not None:
            yield database
    for kind in sorted({d.kind for d in plan.databases_on(host)} & _DATABASES.keys()):
        yield _DATABASES[kind]


def _of_targets(plan: Plan, host: str) -> Iterator[Owner]:
    for name, target in sorted(plan.stack.backup.targets.items()):
        if target.host == host and not is_fixed(target.path):
            what = f"the repositories of the backup target {name}"
            yield Owner(target.path.rstrip("/"), "repository", what)


@cache
def is_fixed(path: str) -> bool:
    """Whether a path belongs to the system, to homelab or to secrets on every host."""
    return any(
        _relation(_straight(path), owner) in ("is", "lies in")
        for owner in _FIXED
        if owner.kind != "dumps"
    )


def stated_state(service: Service) -> Iterator[tuple[str, str]]:
    """State directories in the stack config: (place, path)."""
    for index, path in enumerate(service.config.state):
        yield service.at(f"state[{index}]"), path
    for _, path in stated_at(service.entry, service.config):
        yield service.at("options"), path
