"""What the lock does not have yet: its later moves would go unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.model import place_of
from homelab.check import file_check
from homelab.config.hosts import NixosHost
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.memory import has_state, with_lock_keys
from homelab.storage.memory import former_copy
from homelab.system.model import Host, nixos_hosts

LOCK_CURRENT = file_check(
    "lock-current",
    "warning",
    "A move, a rename or another path is noticed only for what the lock has.",
)


def check_lock(plan: Plan, file: str, *, is_there: bool) -> Iterator[Problem]:
    """State, datasets and backup targets of the stack that the lock file does not have. Without
    the file (`is_there`), the services that would lose state by a move.
    """
    if not is_there:
        yield from _absent(plan, file)
        return
    if not (plan.lock.services or plan.lock.hosts):
        return  # As `homelab init` writes it: the first deployment is still to come.
    missing = [key for key, s in with_lock_keys(plan.services) if s.memory is None and has_state(s)]
    missing += [
        f"datasets.{d.name}"
        for d in plan.datasets
        if d.tier != "re-derivable" and d.name not in plan.lock.datasets
    ]
    # A lock of an earlier version has no replica at all, and gets them with its next change.
    if any(place.replica for place in plan.lock.datasets.values()):
        missing += [
            f"datasets.{r.dataset.name}.replicate"
            for r in plan.replicas
            if r.dataset.tier != "re-derivable" and former_copy(plan, r.dataset.name) is None
        ]
    for name, target in sorted(plan.stack.backup.targets.items()):
        if name not in plan.lock.targets:
            missing.append(f"backup.targets.{name}")
        elif plan.lock.targets[name] != place_of(target):
            missing.append(f"the new place of backup.targets.{name}")
    missing += [
        f"hosts.{name}"
        for name, host in nixos_hosts(plan.stack.hosts).items()
        if host.ssh.host_key
        and (name not in plan.lock.hosts or not plan.lock.hosts[name].state_version)
    ]
    missing += [
        f"hosts.{name}.persistence"
        for name, host in nixos_hosts(plan.stack.hosts).items()
        if host.persistence is not None
        and name in plan.lock.hosts
        and not plan.lock.hosts[name].persistence
    ]
    if missing:
        yield Problem(
            "services",
            f"the lock does not have {', '.join(missing)}",
            "run homelab lock, and commit the file; until then homelab does not notice that one of "
            "them moves or is renamed, and it would start empty",
            check=LOCK_CURRENT,
            severity="warning",
            file=file,
            line=1,
        )


def _absent(plan: Plan, file: str) -> Iterator[Problem]:
    """A stack without a lock file: it never had one, or it is lost."""
    kept = [
        key
        for key, s in with_lock_keys(plan.services)
        if has_state(s) and s.host in plan.hosts and _has_run(plan.hosts[s.host])
    ]
    if kept:
        yield Problem(
            "services",
            f"there is no {file}, and these services have state: {', '.join(kept)}",
            "restore it from version control; if the stack never had one, run homelab lock, "
            "and commit the file; until then a service that moves to another host starts empty",
            check=LOCK_CURRENT,
            severity="warning",
        )


def _has_run(host: Host) -> bool:
    """Whether a deployment may have reached a host."""
    config = host.config
    return host.is_deployed and isinstance(config, NixosHost) and config.ssh.host_key is not None
