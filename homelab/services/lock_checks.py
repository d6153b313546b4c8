"""What the lock does not have yet: its later moves would go unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.memory import has_state, with_lock_keys
from homelab.system.model import nixos_hosts

LOCK_CURRENT = file_check(
    "lock-current",
    "warning",
    "A move, a rename or another path is noticed only for what the lock has.",
)


def check_lock(plan: Plan, file: str) -> Iterator[Problem]:
    """State, datasets and backup targets of the stack that the lock file does not have."""
    if not (plan.lock.services or plan.lock.hosts):
        return  # No lock yet: the first deployment is still to come.
    missing = [key for key, s in with_lock_keys(plan.services) if s.memory is None and has_state(s)]
    missing += [
        f"datasets.{d.name}"
        for d in plan.datasets
        if d.tier != "re-derivable" and d.name not in plan.lock.datasets
    ]
    missing += [
        f"backup.targets.{name}"
        for name in sorted(plan.stack.backup.targets)
        if name not in plan.lock.targets
    ]
    missing += [
        f"hosts.{name}"
        for name, host in nixos_hosts(plan.stack.hosts).items()
        if host.ssh.host_key
        and (name not in plan.lock.hosts or not plan.lock.hosts[name].state_version)
    ]
    if missing:
        yield Problem(
            "services",
            f"the lock does not have {', '.join(missing)}",
            "run homelab lock, and commit the file; until then a move or another name of them is "
            "not noticed, and they would start empty",
            check=LOCK_CURRENT,
            severity="warning",
            file=file,
            line=1,
        )
