"""State stays where the lock saw it: a move, a rename or another path would start empty."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.model import place_of
from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.memory import lost_paths, moved
from homelab.storage.memory import moved_datasets
from homelab.system.renamed import renamed_hosts


@check("move-stateful", rows="S0-77")
def move_stateful(plan: Plan) -> Iterator[Problem]:
    """A service that moves leaves its state behind, and would start empty; so does one that goes
    and comes back elsewhere under another name.
    """
    for where, service, before in moved(plan.services):
        state = ", ".join(before.placement.state or service.state) or "its database"
        renamed = service.name != before.name
        what = f"{service.name} takes the place of {before.name}, which" if renamed else before.name
        yield Problem(
            where,
            f"{what} was on {before.host}, and {state} stays there",
            f"copy it to {service.host}, then acknowledge: homelab lock --move {service.name}; "
            f"or let it run on {before.host}",
        )


@check("state-path", rows="S0-77")
def state_path(plan: Plan) -> Iterator[Problem]:
    """State that is looked for in another directory is not found there, and the backup and what
    survives a restart leave the old one out.
    """
    apart = [place.path for _, place in moved_datasets(plan)]
    for service in plan.services:
        lost = [
            path
            for path in lost_paths(service)
            if not any(path == top or path.startswith(f"{top}/") for top in apart)
        ]
        if not lost:
            continue
        before = service.memory.placement.state if service.memory else []
        there = ", ".join(p for p in service.state if p not in before)
        gone = "; now it is " + there if there else ", and is not any more"
        copied = f"copy the data to {there}" if there else "see that nothing in it is needed"
        yield Problem(
            service.source,
            f"{', '.join(lost)} on {service.host} was the state of {service.name}{gone}",
            f"{copied}, then acknowledge: homelab lock --move {service.name}; "
            "or name the old path again",
        )


@check("host-renamed", rows="S0-77", severity="warning")
def host_renamed(plan: Plan) -> Iterator[Problem]:
    """A machine of another name begins its backups anew, and the old ones are of a name that no
    stack knows.
    """
    for old, new in renamed_hosts(plan.stack, plan.lock).items():
        targets = sorted({j.target for j in plan.backup.jobs if j.host == new})
        kept = (
            f"; its backups begin anew in …/{new}/…, and what it has kept is in …/{old}/… at "
            + ", ".join(targets)
            if targets
            else ""
        )
        ask = "; ".join(f"homelab secret restic-{t} {old}" for t in targets)
        yield Problem(
            f"hosts.{new}",
            f"{new} has the host key of {old}, so it is the same machine{kept}",
            (f"the old repositories open with: {ask}; " if ask else "")
            + f"if it is meant: homelab lock; otherwise call it {old} again",
        )


@check("target-renamed", rows="S0-31 S0-77")
def target_renamed(plan: Plan) -> Iterator[Problem]:
    """Passwords are derived for a target's name: under another one, no repository opens."""
    targets = plan.stack.backup.targets
    for name, target in targets.items():
        if name in plan.lock.targets:
            continue
        for old, place in sorted(plan.lock.targets.items()):
            if old not in targets and place == place_of(target):
                host = next((j.host for j in plan.backup.jobs if j.target == name), "HOST")
                yield Problem(
                    f"backup.targets.{name}",
                    f"the repositories there were made for {old}, and their password is another",
                    f"call it {old} again; or give {name} a path of its own, and read the old ones "
                    f"with: homelab secret restic-{old} {host}",
                )
