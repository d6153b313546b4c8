"""Checks of hosts that others need: they run, or will not be retired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, enumerated
from homelab.system.model import RUNNING


@dataclass(frozen=True)
class Need:
    """What a host does for others."""

    where: str
    """Place in the stack config that names the host."""
    host: str
    by: tuple[str, ...]
    """The hosts that need it."""
    what: str
    """What they would lack, in the plural. `{by}` stands for the hosts."""
    without: str = ""
    """How they do without it; empty if they cannot."""
    any_of_them: bool = False
    """Whether one of them can take its place."""
    moves: str = ""
    """Data that is on the host and has to be moved first, in the plural; empty for none."""


@check("needed-host-state")
def needed_host_state(plan: Plan) -> Iterator[Problem]:
    """Nothing runs on a planned host, and a retired host gets an empty release. What other hosts
    need there would be missing: their backups would end.
    """
    for need in needs(plan):
        host = plan.hosts.get(need.host)
        # host-known reports a missing host, and others report one that is home-manager only.
        if host is None or not host.is_nixos or host.config.state in RUNNING:
            continue
        by = [n for n in need.by if n in plan.hosts and plan.hosts[n].config.state in RUNNING]
        if not by:
            continue
        others = [
            h.name
            for h in plan.hosts.values()
            if h.may_serve and h.config.state in RUNNING and (need.any_of_them or h.name not in by)
        ]
        retired = host.config.state == "retired"
        what = need.what.format(by=enumerated(by))
        until = f" until the {need.moves} are moved" if retired and need.moves else ""
        yield Problem(
            need.where,
            f"{host.name} is {host.config.state}, so {what} "
            + ("would end with its empty release" if retired else "would fail until it is live"),
            "; or ".join(
                [
                    *([f"name another host: {', '.join(others)}"] if others else []),
                    *([need.without] if need.without else []),
                    f"write {host.source}.state: live{until}",
                ]
            ),
        )


def needs(plan: Plan) -> Iterator[Need]:
    """Everything that hosts need of another host, except services, databases and ways to it: those
    have checks of their own.
    """
    yield from _targets(plan)
    yield from _datasets(plan)
    for host in plan.hosts.values():
        if host.is_nixos and host.config.build.host is not None:
            yield Need(
                f"{host.source}.build.host",
                host.config.build.host,
                (host.name,),
                "the builds of {by} there",
                "leave it out",
            )
    if plan.stack.deploy.canary is not None:
        canary = plan.stack.deploy.canary
        others = tuple(n for n, h in plan.hosts.items() if h.is_nixos and n != canary)
        yield Need(
            "deploy.canary",
            canary,
            others,
            "the trials of releases for {by}",
            "leave canary out",
            any_of_them=True,
        )


def _targets(plan: Plan) -> Iterator[Need]:
    for name, target in plan.stack.backup.targets.items():
        if target.host is not None:
            jobs = (j for j in plan.backup.jobs if j.target == name and j.server)
            yield Need(
                f"backup.targets.{name}.host",
                target.host,
                _sorted(j.host for j in jobs),
                f"the backups of {{by}} to {name}",
                moves="repositories",
            )


def _datasets(plan: Plan) -> Iterator[Need]:
    for replica in plan.replicas:
        name = replica.dataset.name
        yield Need(
            f"{replica.source}.to",
            replica.host,
            (replica.dataset.host,),
            f"the copies of {name} from {{by}}",
            "leave replicate out",
            moves="snapshots",
        )
    for name, dataset in plan.stack.datasets.items():
        where = f"datasets.{name}.host"
        mounts = _sorted(d.host for d in plan.mounted if d.name == name)
        yield Need(
            where,
            dataset.host,
            mounts,
            f"the mounts of {name} on {{by}}",
            "leave nfs out",
            moves="files",
        )
        readers = _sorted(d.host for d in plan.copies if d.name == name)
        yield Need(
            where,
            dataset.host,
            readers,
            f"the snapshots of {name} that services of {{by}} read",
            moves="files",
        )


def _sorted(hosts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(hosts)))
