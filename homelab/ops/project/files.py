"""Write the lock file and .sops.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from homelab.backup.left import known_places, left_places, said
from homelab.backup.model import place_of
from homelab.config.lock import (
    Derived,
    Lock,
    Machine,
    Place,
    Placement,
    lock_text,
    without_host,
)
from homelab.databases.moved import GUIDE, moved_databases
from homelab.ops.project.locks import read_lock
from homelab.ops.project.stack import check_stack
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.problems import InvalidStackError, UsageError, did_you_mean
from homelab.secrets.recipients import OURS, sops_yaml
from homelab.secrets.rotation import epochs_of, rotations
from homelab.services.memory import lost_paths, moved, with_lock_keys
from homelab.services.memory_checks import reinstalled, unkept
from homelab.services.memory_datasets import left_datasets, written_datasets
from homelab.storage.memory import former_copy, moved_datasets, moved_replicas, places_of
from homelab.system.model import nixos_hosts
from homelab.system.renamed import renamed_hosts


def write_lock(
    directory: Path,
    stack: str,
    moves: tuple[str, ...],
    rotated: tuple[str, ...] = (),
    moving: Mapping[str, str | None] = MappingProxyType({}),
) -> list[str]:
    """Write new services, and acknowledged moves and rotations, to the lock.

    `moving` has the host from which `homelab move` brings a service, or None if its move is over.
    Returns the changes, one per line. Raises InvalidStackError if the stack has problems other
    than those acknowledged here.
    """
    plan, problems = check_stack(directory, stack)
    names = {s.name for s in plan.services} | {d.name for d in plan.datasets}
    names |= {name for name, _ in (*reinstalled(plan), *unkept(plan))}
    unknown = [m for m in moves if m not in names]
    if unknown:
        raise UsageError(
            "\n".join(
                f'--move {m}: there is no service "{m}"; {did_you_mean(m, names, "services")}'
                for m in unknown
            )
        )
    meant = {("move-stateful", where) for where, s, _ in moved(plan.services) if s.name in moves}
    meant |= {("state-path", s.source) for s in plan.services if s.name in moves}
    meant |= {("state-path", left.where) for left in left_datasets(plan) if left.service in moves}
    meant |= {("database-moved", m.source) for m in moved_databases(plan) if m.service in moves}
    meant |= {("dataset-moved", d.source) for d, _ in moved_datasets(plan) if d.name in moves}
    meant |= {
        ("replica-moved", r.source) for r, _ in moved_replicas(plan) if r.dataset.name in moves
    }
    meant |= {("state-version-kept", f"hosts.{n}.state_version") for n in moves}
    meant |= {("state-path", f"hosts.{n}") for n in moves}
    meant |= {("secret-rotated", where) for name, where, _ in rotations(plan) if name in rotated}
    keys = names | {s.epoch_key for s in plan.secrets.secrets} | {"namespace"}
    keys |= {name for name, *_ in rotations(plan)}
    if unknown := [r for r in rotated if r not in keys]:
        raise UsageError(
            "\n".join(
                f'--rotate {r}: there is no service "{r}"; {did_you_mean(r, keys, "services")}'
                for r in unknown
            )
        )
    if idle := [r for r in rotated if r not in {name for name, *_ in rotations(plan)}]:
        raise UsageError(f"--rotate {idle[0]}: its encryption key does not change; leave it out")
    left = [p for p in problems if p.severity == "error" and (p.check, p.where) not in meant]
    if left:
        raise InvalidStackError(left)
    new, lines = updated_lock(plan, moving)
    file = read_lock(directory, stack).name
    changed = replace_file(directory / file, lock_text(new))
    if not changed:
        return [f"{file} is unchanged"]
    return [*lines, f"{file}:", *(f"  {line}" for line in changed), f"{file} written; commit it"]


def write_sops_rules(path: Path, plan: Plan) -> list[str]:
    """Write the creation rules of sops; returns the changes, one per line.

    Raises UsageError for a file that homelab did not write, because its rules would be lost.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(OURS):
        raise UsageError(
            f"--out {path}: homelab did not write this file, and would replace its rules; move the "
            "file away, or name another one"
        )
    changed = replace_file(path, sops_yaml(plan))
    if not changed:
        return [f"{path} is unchanged"]
    return [
        f"{path}:",
        *(f"  {line}" for line in changed),
        f"{path} written; for files whose readers changed: homelab secret recipients",
    ]


def forget_host(directory: Path, plan: Plan, host: str, *, confirmed: bool) -> list[str]:
    """Remove a host's entries from the lock; unless `confirmed`, only list them.

    An entry of a service that the stack now has on another host stays: `homelab lock --move`
    acknowledges that its state was copied.
    """
    file = read_lock(directory, plan.lock.stack).name
    here = sorted(key for key, p in plan.lock.services.items() if p.host == host)
    kept = {s.memory.key: s for s in plan.services if s.memory is not None}
    lines = [
        f"stays in {file}: {key}, which is on {kept[key].host} in the stack; copy its state, "
        f"then homelab lock --move {kept[key].name}"
        for key in here
        if key in kept
    ]
    gone = [key for key in here if key not in kept]
    if not gone:
        return [*lines, f"{file} holds nothing {'else ' if lines else ''}of it"]
    if not confirmed:
        return [*lines, f"would remove from {file}: {', '.join(gone)}"]
    replace_file(directory / file, lock_text(without_host(plan.lock, host, kept)))
    return [*lines, f"removed from {file}: {', '.join(gone)}; commit it"]


def updated_lock(
    plan: Plan, moving: Mapping[str, str | None] = MappingProxyType({})
) -> tuple[Lock, list[str]]:
    """The lock of this plan, and its changes, one per line.

    A disabled or planned service keeps its entry, unless another service took its place.
    """
    services: dict[str, Placement] = {}
    lines = []
    for key, service in with_lock_keys(plan.services):
        if service.external or (service.entry.infrastructure and not service.state):
            continue
        before = service.memory
        catalog = None if service.is_custom else service.entry.name
        services[key] = Placement(
            host=service.host,
            port=service.port or None,
            state=list(service.state),
            datasets=written_datasets(service),
            databases={d.kind: d.host for d in service.databases if d.kind != "redis"},
            database_names={d.kind: d.name for d in service.databases if d.kind != "redis"},
            service=catalog if catalog != service.name else None,
            owner=service.owner if service.owner != key else None,
            moved_from=moving.get(service.name, service.arrives_from or None),
        )
        if before is None:
            lines.append(f"{key} is on {service.host}")
            continue
        if before.name != service.name:
            backups = _renamed_backups(plan, service.name, before.key, service.host)
            lines.append(f"{key} was {before.key}, and keeps its keys{backups}")
        if before.host != service.host:
            by_hand = "" if service.name in moving else "; copy its state by hand"
            lines.append(f"{key} moved from {before.host} to {service.host}{by_hand}")
        elif any(m.service == service.name for m in moved_databases(plan)):
            lines.append(
                f"{key} has its databases elsewhere; after pulumi up, which makes them empty, stop "
                f"it and copy the data by hand ({GUIDE})"
            )
        elif lost_paths(service):
            lines.append(f"{key} now has its state in {', '.join(service.state) or 'no directory'}")
    lines += [
        f"{left.service} leaves its {left.role} in {left.path}, the dataset {left.dataset}"
        for left in left_datasets(plan)
    ]
    taken = {s.memory.key for s in plan.services if s.memory is not None}
    off = {name for name, config in plan.stack.services.items() if not config.runs}
    for key, placement in sorted(plan.lock.services.items()):
        if key in taken or key in services:
            continue
        if key.partition("@")[0] in off:
            services[key] = placement
        else:
            left = f"; its state stays on {placement.host}: homelab orphans {placement.host}"
            lines.append(f"{key} is removed{left if placement.state else ''}")
    places = places_of(plan)
    lines += [*_left_copies(plan, places), *_left_datasets(plan, places), *_left_targets(plan)]
    lines += _left_by_moves(plan, moving)
    ids = {s.entry.user: s.ids for s in plan.services if s.ids is not None}
    lines += [
        f"{user} has uid {numbers.uid} and gid {numbers.gid}"
        for user, numbers in sorted(ids.items())
        if user not in plan.lock.ids
    ]
    lock = Lock(
        stack=plan.lock.stack,
        services=services,
        datasets=places,
        hosts={
            name: Machine(
                host_key=host.ssh.host_key,
                state_version=host.state_version,
                persistence=host.persistence.root if host.persistence is not None else "",
            )
            for name, host in nixos_hosts(plan.stack.hosts).items()
            if host.ssh.host_key
        },
        left=list(left_places(plan, moving)),
        targets={name: place_of(t) for name, t in plan.stack.backup.targets.items()},
        secrets=Derived(
            namespace=plan.stack.secrets.namespace or "",
            epochs=epochs_of(plan),
        ),
        ids=ids,
    )
    return lock, lines


def _left_copies(plan: Plan, places: Mapping[str, Place]) -> Iterator[str]:
    """Replicas that are not sent to their former place any more."""
    for name in sorted(plan.lock.datasets):
        before, place = former_copy(plan, name), places.get(name)
        now = place.replica if place is not None else None
        if before is None or before == now:
            continue
        new = f"is now sent to {now.place} on {now.host}, and" if now is not None else "is"
        yield (
            f"{name} {new} no longer sent to {before.place} on {before.host}; what is left there: "
            f"homelab orphans {before.host}"
        )


def _left_datasets(plan: Plan, places: Mapping[str, Place]) -> Iterator[str]:
    """Datasets that the stack has no more, or under another name."""
    hosts = renamed_hosts(plan.stack, plan.lock)
    new = {(p.host, p.path): name for name, p in places.items() if name not in plan.lock.datasets}
    for name, place in sorted(plan.lock.datasets.items()):
        if name in places:
            continue
        host = hosts.get(place.host, place.host)
        if (now := new.get((host, place.path))) is not None:
            yield f"{now} was {name}{_renamed_backups(plan, f'dataset-{now}', name, host)}"
        else:
            yield (
                f"{name} is removed; its files stay in {place.path} on {host}, and are neither "
                f"backed up nor snapshotted as a dataset any more: homelab orphans {host}"
            )


def _left_by_moves(plan: Plan, moving: Mapping[str, str | None]) -> Iterator[str]:
    """Former places of datasets and state that the stack has elsewhere."""
    known = known_places(plan)
    for left in left_places(plan, moving):
        if left not in known:
            yield (
                f"{left.path} on {left.host} has {said(plan, left)}; what is left there: "
                f"homelab orphans {left.host}"
            )


def _left_targets(plan: Plan) -> Iterator[str]:
    """Backup targets that are gone, or have another place."""
    left = {one.target: f": homelab orphans {one.host}" for one in known_places(plan)}
    for name, place in sorted(plan.lock.targets.items()):
        target = plan.stack.backup.targets.get(name)
        if target is None:
            yield f"the target {name} is removed; its backups stay at {place}{left.get(name, '')}"
        elif place_of(target) != place:
            yield (
                f"the backups at {name} start over; the earlier ones stay at {place}"
                f"{left.get(name, '')}"
            )


def _renamed_backups(plan: Plan, job: str, before: str, host: str) -> str:
    """What becomes of the backups of what has a new name; nothing if it has none."""
    targets = sorted({j.target for j in plan.backup.on(host) if j.name == job})
    return (
        f"; its backups start over, and those of {before} stay beside them at {', '.join(targets)}"
        if targets
        else ""
    )
