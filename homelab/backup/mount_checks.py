"""Checks of the directories of a host that containers and units write."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.plan import is_settled, paths_of, skip_reason
from homelab.check import check
from homelab.config.backup import CustomBackup
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.databases import parts_of_dump
from homelab.services.model import Service
from homelab.services.parts import Part, is_made
from homelab.storage.owners import Kind, Relation, is_fixed, taken

_LOSABLE = ("/var/cache", "/var/log")
"""Directories whose content no backup needs."""


@check("backup-mount")
def backup_mount(plan: Plan) -> Iterator[Problem]:
    """A directory that a container writes and nobody names in a backup is lost with its disk."""
    seen: set[str] = set()
    for service in plan.services:
        # `include` states all that is backed up, and `skip` that nothing is.
        if not service.parts or skip_reason(service) or service.config.backup.include is not None:
            continue
        # `backup-intent` reports a service that states nothing at all.
        if not is_settled(service):
            continue
        kept = paths_of(service)
        datasets = [d.path for d in plan.datasets if d.host == service.host]
        for part in service.parts:
            if _is_dumped(service, part):
                continue
            for index, mount in enumerate(part.config.mounts):
                where = service.at(f"{part.place}.mounts[{index}]")
                source = mount.source.rstrip("/")
                if mount.read_only or where in seen or below(source, (*kept, *datasets)):
                    continue
                if below(source, _LOSABLE) or is_fixed(source):
                    continue
                if _is_of_others(plan, service, source):
                    continue
                seen.add(where)
                yield Problem(
                    where,
                    f"{part.container} writes {mount.source}, and no backup contains it",
                    _way_out(service, mount.source, made=is_made(mount)),
                )


@check("backup-writable")
def backup_writable(plan: Plan) -> Iterator[Problem]:
    """A directory that `harden.read_write` opens and no backup contains is lost with its disk."""
    for service in plan.services:
        # The same exceptions as above.
        if skip_reason(service) or service.config.backup.include is not None:
            continue
        if not is_settled(service):
            continue
        kept = paths_of(service)
        saved = [p for job in plan.backup.on(service.host) for p in job.paths]
        datasets = [d.path for d in plan.datasets if d.host == service.host]
        for index, path in enumerate(service.harden.read_write):
            if below(path, (*kept, *saved, *datasets, *_LOSABLE)) or is_fixed(path):
                continue
            if not _is_of_others(plan, service, path):
                yield Problem(
                    service.at(f"harden.read_write[{index}]"),
                    f"{service.name} writes {path}, and no backup contains it",
                    _way_out(service, path, made=False),
                    # Beside files that are kept, it may be one that need not be.
                    severity="warning" if kept else "error",
                )


def _is_dumped(service: Service, part: Part) -> bool:
    """Whether a dump contains what the container stores: it is a database."""
    backup = service.config.backup
    dumps = backup.dump if isinstance(backup, CustomBackup) else ()
    return any(part in parts_of_dump(service.parts, dump) for dump in dumps)


def _is_of_others(plan: Plan, service: Service, path: str) -> bool:
    """Whether a path belongs to something else of the host, whose backup is its own matter, or is
    empty after a restart.
    """
    kinds: tuple[Kind, ...] = ("dumps", "homelab", "memory", "repository", "secret", "state")
    relations: tuple[Relation, ...] = ("is", "lies in")
    found = taken(plan, service.host, path, kinds, services=(service.name,), relations=relations)
    return found is not None


def _way_out(service: Service, source: str, *, made: bool) -> str:
    listed = ", ".join((*service.config.state, source))
    kept = ", ".join(paths_of(service))
    dataset = "" if made else "or use a dataset of homelab:datasets instead, "
    lost = f"or write backup: {{include: [{kept}]}} if it may be lost"
    return f"write state: [{listed}], {dataset}{lost}"
