"""What `homelab move` moves: the state of a service, from the host that had it to its host now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from homelab.backup.model import Job
from homelab.plaintext import mapping
from homelab.plan import Plan
from homelab.problems import UsageError, did_you_mean
from homelab.secret_paths import Source
from homelab.services.memory import has_state
from homelab.services.model import Service


@dataclass(frozen=True)
class Former:
    """What the host that has a service knows of it."""

    host: str
    paths: tuple[str, ...]
    postgresql: tuple[str, ...]
    mysql: tuple[str, ...]
    units: tuple[str, ...]
    inside: tuple[str, ...] = ()
    """Dumps that only commands of its containers or programs make."""


@dataclass(frozen=True)
class Move:
    """A move of a service, as far as the stack and the old host say."""

    service: str
    source: str
    target: str
    paths: tuple[tuple[str, str], ...]
    """Directories: (on the host that it leaves, on the one that it comes to)."""
    postgresql: tuple[str, ...]
    mysql: tuple[str, ...]
    units: tuple[str, ...]
    """Units that use the data where it is, with their suffix."""
    owner: str
    """User that owns all of it afterwards; empty: each file keeps its owner, by name."""
    lines: tuple[str, ...]
    """What it does, and what it leaves, for people."""


def the_service(plan: Plan, name: str) -> Service:
    """The only instance of a service on the hosts of a stack. Raises UsageError."""
    found = [s for s in plan.services if s.name == name]
    if not found:
        if name in plan.stack.services:
            raise UsageError(f"{name} is planned or switched off, so no host runs it")
        known = {s.name for s in plan.services}
        raise UsageError(f'there is no service "{name}"; {did_you_mean(name, known, "services")}')
    if len(found) > 1:
        hosts = ", ".join(s.host for s in found)
        raise UsageError(
            f"{name} runs on {hosts}, so there is no one to move; change hosts and tags yourself"
        )
    if found[0].external is not None:
        raise UsageError(f"{name} runs on no host of the stack")
    return found[0]


def former_of(plan: Plan, service: Service) -> Former:
    """The service as the stack has it before the move."""
    job = next((j for j in plan.backup.on(service.host) if j.name == service.name), None)
    return Former(
        service.host,
        service.state,
        job.postgresql if job else (),
        job.mysql if job else (),
        units_of(service),
        _inside(job) if job else (),
    )


def units_of(service: Service) -> tuple[str, ...]:
    """The units that use the data of a service, with their suffix."""
    units = (f"{u}.service" for u in (*service.units, *service.entry.helpers))
    return tuple(dict.fromkeys(units))


def _inside(job: Job) -> tuple[str, ...]:
    return tuple(c.file.rpartition("/")[2] for c in job.commands if not c.mysql)


def former_from(described: object, service: Service) -> Former:
    """The service as its old host and the lock have it: the stack has the new kind already.

    Raises UsageError if the host has no backup job of it.
    """
    memory = service.memory
    assert memory is not None
    job = mapping(mapping(described).get(memory.name))
    if not job:
        raise UsageError(
            f"{memory.host} has no backup job of {memory.name}, so its units and databases are "
            "unknown; write the old settings again, deploy them, and change them afterwards"
        )

    def texts(key: str) -> tuple[str, ...]:
        found = job.get(key)
        return tuple(t for t in found if isinstance(t, str)) if isinstance(found, list) else ()

    return Former(
        memory.host,
        tuple(memory.placement.state),
        texts("postgresql"),
        texts("mysql"),
        texts("units"),
        (*texts("byHand"), *_dumped_inside(job.get("inside"))),
    )


def _dumped_inside(described: object) -> Iterator[str]:
    """The dumps of databases of containers, as a host describes them."""
    for one in described if isinstance(described, list) else ():
        dump = mapping(one).get("dump")
        if isinstance(dump, str):
            yield dump.rpartition("/")[2]


def move_of(former: Former, after: Plan, name: str, *, changed: bool) -> Move:
    """The move to the service of the new stack. `changed`: its kind or its paths have changed.

    Raises UsageError with everything that prevents it.
    """
    service = the_service(after, name)
    host = after.hosts[service.host]
    job = next((j for j in after.backup.on(service.host) if j.name == name), None)
    # A database that the stack has on another host than the service stays where it is.
    staying = {(d.kind, d.name) for d in service.databases if d.host == former.host}
    if service.host != former.host:
        former = replace(
            former,
            postgresql=tuple(d for d in former.postgresql if ("postgresql", d) not in staying),
            mysql=tuple(d for d in former.mysql if ("mysql", d) not in staying),
        )
    refused = [*_refusals(former, after, service, job, changed=changed)]
    if not host.is_deployed:
        refused.append(f"{host.name} is {host.config.state}; bring it up first")
    if refused:
        raise UsageError("\n".join(f"{name} cannot move to {service.host}: {r}" for r in refused))
    paths = _pairs(former.paths, service.state)
    user = service.entry.user
    owner = user if changed and not service.parts and not service.entry.dynamic_user else ""
    return Move(
        name,
        former.host,
        service.host,
        paths,
        former.postgresql,
        former.mysql,
        former.units,
        owner,
        tuple(_lines(former, after, service, paths)),
    )


def _refusals(
    former: Former, after: Plan, service: Service, job: Job | None, *, changed: bool
) -> Iterator[str]:
    if has_state(service) and job is None:
        skipped = dict(after.backup.skipped).get(service.name, "no backup target reaches it")
        yield (
            f"its state is not backed up there ({skipped}); copy what you need yourself, write the "
            f"host, then homelab lock --move {service.name}"
        )
    if len(former.paths) != len(service.state) and {*former.paths} != {*service.state}:
        yield (
            f"it has {_listed(former.paths)} on {former.host}, and {_listed(service.state)} on "
            f"{service.host}, so it is not clear which is which; copy it yourself, then homelab "
            f"lock --move {service.name}"
        )
    if job is not None:
        for kind, old, new in (
            ("PostgreSQL", former.postgresql, job.postgresql),
            ("MySQL", former.mysql, job.mysql),
        ):
            if lost := {*old} - {*new}:
                yield f"its {kind} database {', '.join(sorted(lost))} is not one of it there"
            if changed and (extra := {*new} - {*old}):
                yield (
                    f"it keeps its data in the {kind} database {', '.join(sorted(extra))} there, "
                    f"and in files on {former.host}; use the export and import of the app"
                )
    if changed and former.inside:
        yield (
            f"{', '.join(former.inside)} is a dump that only its own program loads; use the export "
            "and import of the app"
        )


_SECRETS: Mapping[Source, str] = {
    "derived": "the same value",
    "issued": "the same value",
    "stored": "{secret.key} in the sops file of {secret.host}",
    "fetched": "from 1Password, as {secret.host}",
    "provided": "{secret.key} on {secret.host}, which your own module writes",
}


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths) or "no directory"


def _pairs(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Each directory with its place on the new host; the others follow in their order."""
    rest = [path for path in new if path not in old]
    return tuple((path, path if path in new else rest.pop(0)) for path in old)


def _lines(
    former: Former, after: Plan, service: Service, paths: Iterable[tuple[str, str]]
) -> Iterator[str]:
    for old, new in paths:
        yield f"files: {old}" + (f" becomes {new}" if new != old else "")
    for kind, databases in (("PostgreSQL", former.postgresql), ("MySQL", former.mysql)):
        for database in databases:
            yield f"database: {database} ({kind}), by a dump"
    for own in service.databases:
        if own.kind == "redis" and not own.is_remote:
            yield f"does not move: its Redis, which starts empty on {service.host}"
        for database in own.further if not own.is_remote else ():
            yield f"does not move: its database {database}, which starts empty on {service.host}"
    for secret in after.secrets.on(service.host):
        if secret.service == service.name:
            yield f"secret: {secret.label}, {_SECRETS[secret.source].format(secret=secret)}"
    for route in after.routes_of(service.name):
        for name in filter(None, (route.internal, route.public)):
            yield f"name: {name} leads to {service.host}"
    targets = sorted({j.target for j in after.backup.on(service.host) if j.name == service.name})
    if targets:
        yield (
            f"backups: {service.host}/{service.name} begins at {', '.join(targets)}; "
            f"{former.host}/{service.name} stays there"
        )
    yield f"stops on {former.host}: {', '.join(former.units) or 'nothing'}"
    yield f"stays on {former.host}, until you remove it: {_listed(former.paths)}" + "".join(
        f", database {d}" for d in (*former.postgresql, *former.mysql)
    )
