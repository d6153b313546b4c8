"""Checks against the lock: after a move, a rename or a new path a service would start empty."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.model import place_of
from homelab.check import check
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.memory import lost_paths, moved
from homelab.services.memory_datasets import left_datasets
from homelab.storage.memory import moved_datasets
from homelab.system.model import nixos_hosts
from homelab.system.renamed import renamed_hosts


@check("move-stateful")
def move_stateful(plan: Plan) -> Iterator[Problem]:
    """A service that moves to another host leaves its state behind and would start empty, also if
    it is renamed at the same time.
    """
    for where, service, before in moved(plan.services):
        state = ", ".join(before.placement.state or service.state) or "its database"
        renamed = service.name != before.name
        what = f"{service.name} replaces {before.name}, which" if renamed else before.name
        yield Problem(
            where,
            f"{what} was on {before.host}, and {state} stays there",
            f"bring it to {service.host}: homelab move {service.name}; or run it on {before.host}; "
            f"or copy it yourself, then acknowledge: homelab lock --move {service.name}",
        )


@check("state-path")
def state_path(plan: Plan) -> Iterator[Problem]:
    """After a change of a state path the service starts empty, and neither backups nor persistence
    include the old directory.
    """
    left_behind = tuple(left_datasets(plan))
    apart = [*(place.path for _, place in moved_datasets(plan)), *(o.path for o in left_behind)]
    paths = {d.name: d.path for d in plan.datasets}
    for service in plan.services:
        # What was state and is a dataset of the service now is still found where it was.
        datasets = [paths[name] for name in service.datasets.values() if name in paths]
        lost = [path for path in lost_paths(service) if not below(path, (*apart, *datasets))]
        # A dataset that does not exist is reported by dataset-host.
        if not lost or not plan.stack.datasets.keys() >= {*service.datasets.values()}:
            continue
        before = service.memory.placement.state if service.memory else []
        there = ", ".join(p for p in service.state if p not in before)
        gone = "; now it is " + there if there else ", and is not any more"
        copied = (
            f"bring the data to {there}: homelab move {service.name}; or copy it yourself"
            if there
            else "make sure that nothing in it is needed"
        )
        yield Problem(
            service.source,
            f"{', '.join(lost)} on {service.host} was the state of {service.name}{gone}",
            f"{copied}, then acknowledge: homelab lock --move {service.name}; "
            "or write the old path again",
            cause="" if service.state else service.at("state"),
        )
    for left in left_behind:
        yield Problem(
            left.where,
            f"{left.service} wrote its {left.role} to {left.path}, the dataset {left.dataset}; now "
            f"it names {left.now or 'none'}, so it starts without them",
            f"write {left.role}: {left.dataset} again; or bring the files to their new directory "
            f"yourself, then acknowledge: homelab lock --move {left.service}",
        )
    for name, root in unkept(plan):
        yield Problem(
            f"hosts.{name}",
            f"{name} kept its files in {root}; without persistence its services start empty, and "
            "it has another SSH host key",
            f"write persistence: {{root: {root}}} again; or copy what is in {root} to the root "
            f"yourself, then acknowledge: homelab lock --move {name}",
            cause=f"hosts.{name}.persistence",
        )


def unkept(plan: Plan) -> Iterator[tuple[str, str]]:
    """Hosts that had `persistence` and have none any more: (name, where they kept their files)."""
    former = {new: old for old, new in renamed_hosts(plan.stack, plan.lock).items()}
    for name, host in nixos_hosts(plan.stack.hosts).items():
        machine = plan.lock.hosts.get(former.get(name, name))
        if machine is not None and machine.persistence and host.persistence is None:
            yield name, machine.persistence


@check("host-renamed", severity="warning")
def host_renamed(plan: Plan) -> Iterator[Problem]:
    """A renamed machine starts new backup repositories, and the old ones belong to a name that the
    stack does not have any more.
    """
    for old, new in renamed_hosts(plan.stack, plan.lock).items():
        targets = sorted({j.target for j in plan.backup.jobs if j.host == new})
        kept = (
            f"; its backups start again in …/{new}/…, and the earlier ones are in …/{old}/… at "
            + ", ".join(targets)
            if targets
            else ""
        )
        ask = "; ".join(f"homelab secret restic-{t} {old} --former" for t in targets)
        yield Problem(
            f"hosts.{new}",
            f"{new} has the host key of {old}, so it is the same machine{kept}",
            (f"the old repositories open with: {ask}; " if ask else "")
            + f"if this is intended: homelab lock; otherwise call it {old} again",
        )


def reinstalled(plan: Plan) -> Iterator[tuple[str, str]]:
    """Hosts whose `state_version` is not the recorded one: (name, recorded)."""
    former = {new: old for old, new in renamed_hosts(plan.stack, plan.lock).items()}
    for name, host in nixos_hosts(plan.stack.hosts).items():
        machine = plan.lock.hosts.get(former.get(name, name))
        if machine is not None and machine.state_version not in ("", host.state_version):
            yield name, machine.state_version


@check("state-version-kept")
def state_version_kept(plan: Plan) -> Iterator[Problem]:
    """Modules choose the version of PostgreSQL and some state directories by `state_version`: with
    another one, services start with empty databases.
    """
    for name, before in reinstalled(plan):
        yield Problem(
            f"hosts.{name}.state_version",
            f"{name} was installed with NixOS {before}, and its databases and state belong to that",
            f"write {before} again; after a new installation, acknowledge: homelab lock --move "
            f"{name}",
        )


@check("target-renamed")
def target_renamed(plan: Plan) -> Iterator[Problem]:
    """Repository passwords are derived from the target's name: under another name no existing
    repository opens.
    """
    targets = plan.stack.backup.targets
    for name, target in targets.items():
        if name in plan.lock.targets:
            continue
        for old, place in sorted(plan.lock.targets.items()):
            if old not in targets and place == place_of(target):
                host = next((j.host for j in plan.backup.jobs if j.target == name), "HOST")
                yield Problem(
                    f"backup.targets.{name}",
                    f"the repositories there were created for {old}, with another password",
                    f"call it {old} again; or give {name} a path of its own, and open the old ones "
                    f"with: homelab secret restic-{old} {host} --former",
                )
