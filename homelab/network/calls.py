"""Calls from one host to another, and their purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.connections.pairs import place_of_use
from homelab.plan import Plan
from homelab.services.links import port_of
from homelab.services.model import Service
from homelab.services.uses import Use
from homelab.storage.nfs import plan_exports


@dataclass(frozen=True)
class Call:
    """One host calls another."""

    caller: str
    callee: str
    what: str
    """The target of the call, for a message."""
    source: str
    """Place in the stack config that requires the call."""


def calls_of(plan: Plan) -> Iterator[Call]:
    """Every call from one host to another by the proxy, services, backups, replicas, NFS and
    builds.
    """
    entry = plan.stack.network.entry.host
    exports = plan_exports(plan.stack)
    calls = (
        *(Call(entry, r.host, r.service, r.source) for r in plan.routes if r.remote),
        *_uses(plan),
        *_databases(plan),
        *_backups(plan),
        *(Call(r.dataset.host, r.host, "the replica", r.source) for r in plan.replicas),
        *(Call(e.client, e.server, f"the dataset {e.dataset}", e.source) for e in exports),
        *_builds(plan),
    )
    hosts = set(plan.hosts)
    for call in dict.fromkeys(calls):
        # An unknown host is reported by the check of its own section.
        if call.caller != call.callee and {call.caller, call.callee} <= hosts:
            yield call


def _uses(plan: Plan) -> Iterator[Call]:
    for user in plan.services:
        for use in user.uses:
            for used in plan.instances(use.name):
                if port_of(used, use.port) and user.host in used.called.get(use.port, ()):
                    yield Call(user.host, used.host, use.name, _place(plan, user, use))


def _databases(plan: Plan) -> Iterator[Call]:
    for database in (d for s in plan.services for d in s.databases if d.is_remote):
        host = plan.hosts.get(database.host)
        if host is None or not host.is_nixos:
            continue  # database-host reports it.
        what = f"the database of {database.service}"
        yield Call(database.caller, database.host, what, database.source)


def _place(plan: Plan, user: Service, use: Use) -> str:
    return place_of_use(plan.stack, user.name, use) if use.at else user.source


def _backups(plan: Plan) -> Iterator[Call]:
    for job in plan.backup.jobs:
        if job.server:
            yield Call(job.host, job.server, "the repository", f"backup.targets.{job.target}")


def _builds(plan: Plan) -> Iterator[Call]:
    for host in plan.hosts.values():
        if host.is_nixos and host.config.build.host is not None:
            yield Call(host.name, host.config.build.host, "the builder", f"{host.source}.build")
