"""Write what was generated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.deploy.model import Release
from homelab.ops.stack import LOCK_FILE, check_stack
from homelab.plan import Plan
from homelab.problems import InvalidStackError, Problem, did_you_mean
from homelab.services.plan import lock_key, moved
from homelab.site.lock import Lock, lock_of, lock_text


def write_releases(out: Path, releases: Mapping[str, Release]) -> int:
    """Write every host's files; files of an older release go. Returns how many changed."""
    changed = 0
    for host, release in releases.items():
        top = out / host
        wanted = dict(release.files)
        for path in sorted(top.rglob("*"), reverse=True) if top.exists() else []:
            if path.is_file() and path.relative_to(top).as_posix() not in wanted:
                path.unlink()
                changed += 1
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        for name, content in wanted.items():
            path = top / name
            data = content.encode() if isinstance(content, str) else content
            if path.exists() and path.read_bytes() == data:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            changed += 1
    return changed


def write_lock(directory: Path, stack: str, moves: tuple[str, ...]) -> list[str]:
    """Remember every service that is new, and every move that was acknowledged.

    Returns what changed, a line each. Raises InvalidStackError while the stack has problems other
    than the moves that are acknowledged here.
    """
    plan, problems = check_stack(directory, stack)
    unknown = [m for m in moves if plan.service(m) is None]
    if unknown:
        names = {s.name for s in plan.services}
        raise InvalidStackError(
            [
                Problem("--move", f'there is no service "{m}"', did_you_mean(m, names, "services"))
                for m in unknown
            ]
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
    path = directory / LOCK_FILE
    text = lock_text(new)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return [f"{LOCK_FILE} is as it was"]
    path.write_text(text, encoding="utf-8")
    return [*lines, f"{LOCK_FILE} written; commit it"]


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
    return lock_of(placed, ((user, *both) for user, both in sorted(ids.items()))), lines
