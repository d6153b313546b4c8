"""Write what the stack must remember."""

from __future__ import annotations

from pathlib import Path

from homelab.ops.locks import read_lock
from homelab.ops.stack import check_stack
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.problems import InvalidStackError, UsageError, did_you_mean
from homelab.secrets.recipients import OURS, sops_yaml
from homelab.services.plan import lock_key, moved
from homelab.site.lock import Lock, lock_of, lock_text, without_host


def write_lock(directory: Path, stack: str, moves: tuple[str, ...]) -> list[str]:
    """Remember every service that is new, and every move that was acknowledged.

    Returns what changed, a line each. Raises InvalidStackError while the stack has problems other
    than the moves that are acknowledged here.
    """
    plan, problems = check_stack(directory, stack)
    unknown = [m for m in moves if plan.service(m) is None]
    if unknown:
        names = {s.name for s in plan.services}
        raise UsageError(
            "\n".join(
                f'--move {m}: there is no service "{m}"; {did_you_mean(m, names, "services")}'
                for m in unknown
            )
        )
    meant = {where for where, s, _ in moved(plan.services, plan.lock) if s.name in moves}
    left = [
        p
        for p in problems
        if p.severity == "error" and not (p.check == "move-stateful" and p.where in meant)
    ]
    if left:
        raise InvalidStackError(left)
    new, lines = updated_lock(plan, moves)
    file = read_lock(directory, stack).name
    changed = replace_file(directory / file, lock_text(new))
    if not changed:
        return [f"{file} is as it was"]
    return [*lines, f"{file}:", *(f"  {line}" for line in changed), f"{file} written; commit it"]


def write_sops_rules(path: Path, plan: Plan) -> list[str]:
    """Write who may decrypt which file; what changed, a line each.

    Raises UsageError for a file that somebody else wrote: its rules would be gone.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(OURS):
        raise UsageError(
            f"--out {path}: homelab did not write this file, and would drop its rules; move them "
            "away, or name another file"
        )
    changed = replace_file(path, sops_yaml(plan.site))
    if not changed:
        return [f"{path} is as it was"]
    return [
        f"{path}:",
        *(f"  {line}" for line in changed),
        f"{path} written; for each file whose readers changed: sops updatekeys FILE",
    ]


def forget_host(directory: Path, plan: Plan, host: str, *, confirmed: bool) -> list[str]:
    """Take what the lock remembers on a host out of it; unless `confirmed`, only say what.

    A service that the stack has elsewhere by now stays in it: whether its move is meant, and its
    state copied, is asked by `homelab lock --move`.
    """
    file = read_lock(directory, plan.lock.stack).name
    here = sorted(key for key, p in plan.lock.services.items() if p.host == host)
    kept = {lock_key(s, plan.services): s for s in plan.services} if here else {}
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
        return [*lines, f"would take out of {file}: {', '.join(gone)}"]
    replace_file(directory / file, lock_text(without_host(plan.lock, host, kept)))
    return [*lines, f"taken out of {file}: {', '.join(gone)}; commit it"]


def updated_lock(plan: Plan, moves: tuple[str, ...]) -> tuple[Lock, list[str]]:
    """The lock that fits the plan, and what is different in it."""
    placed = []
    lines = []
    for service in plan.services:
        if service.entry.infrastructure and not service.state:
            continue
        key = lock_key(service, plan.services)
        old = plan.lock.services.get(key)
        placed.append((key, service.host, service.port, service.state))
        if old is None:
            lines.append(f"{key} is on {service.host}")
        elif old.host != service.host:
            lines.append(
                f"{key} moved from {old.host} to {service.host}; its state is yours to copy"
            )
    kept = {key for key, *_ in placed}
    lines += [f"{key} is gone" for key in sorted(plan.lock.services) if key not in kept]
    ids = {
        m.user: (m.ids.uid, m.ids.gid)
        for v in plan.vpn.vpns
        for m in v.members
        if m.ids is not None
    }
    lines += [
        f"{user} has uid {uid} and gid {gid}"
        for user, (uid, gid) in sorted(ids.items())
        if user not in plan.lock.ids
    ]
    numbers = ((user, *both) for user, both in sorted(ids.items()))
    return lock_of(placed, numbers, plan.lock.stack), lines
