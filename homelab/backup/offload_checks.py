"""Checks of offloads: two targets that a host reaches, and one writer of each repository."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.plan import reaches
from homelab.check import check
from homelab.config.backup_targets import BackupTarget
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

_LOGINS = ("b2", "rclone", "rest", "s3")
"""Kinds whose logins restic takes from one environment, for both repositories of a copy."""


@check("backup-offload")
def backup_offload(plan: Plan) -> Iterator[Problem]:
    """A copy needs two targets, and a repository that nothing else writes."""
    targets, offloads = plan.stack.backup.targets, plan.stack.backup.offload
    writers: dict[str, str] = {}
    for name, offload in offloads.items():
        where = f"backup.offload.{name}"
        ends = {"from": offload.source, "to": offload.to}
        unknown = {key: end for key, end in ends.items() if end not in targets}
        for key, end in unknown.items():
            yield Problem(
                f"{where}.{key}",
                f'there is no backup target "{end}"',
                did_you_mean(end, targets, "targets"),
            )
        other = writers.setdefault(offload.to, name)
        if other != name:
            yield Problem(
                f"{where}.to",
                f"backup.offload.{other} copies to {offload.to} already",
                "name another target, or leave one of them out",
            )
        above = next((o.source for o in offloads.values() if o.to == offload.source), None)
        if above is not None:
            yield Problem(
                f"{where}.from",
                f"{offload.source} has copies of {above} itself",
                f"copy from {above} as well: from: {above}",
            )
        if not unknown and (why := _login(targets[offload.source], targets[offload.to])):
            yield Problem(
                where,
                f"{offload.source} and {offload.to} {why}, and restic takes one for both",
                f"let both have the same, backup.targets.{offload.to}.credentials: "
                f"{_named(targets[offload.source])}, or copy to a target of another kind",
            )
    yield from _also_backed_up(plan)
    yield from _apart(plan)


def _login(one: BackupTarget, other: BackupTarget) -> str:
    """What differs between the logins of two targets; empty if restic can use both at once."""
    if one.kind != other.kind or one.kind not in _LOGINS:
        return ""
    same = one.credentials is not None and one.credentials == other.credentials
    return "" if same else "each have a login of their own"


def _named(target: BackupTarget) -> str:
    """The credentials of a target, as the stack config has them."""
    ref = target.credentials
    if ref is None:
        return "{sops: …}"
    return f"{{{'sops' if ref.sops else 'op' if ref.op else 'path'}: {ref.name}}}"


def _also_backed_up(plan: Plan) -> Iterator[Problem]:
    copies = {o.to: name for name, o in plan.stack.backup.offload.items()}
    stated = [(s.at("backup"), s.config.backup.targets) for s in plan.services]
    stated += [(f"backup.extra.{n}", e.targets) for n, e in plan.stack.backup.extra.items()]
    for source, targets in dict(stated).items():
        for index, target in enumerate(targets or ()):
            if target in copies:
                yield Problem(
                    f"{source}.targets[{index}]",
                    f"backup.offload.{copies[target]} copies to {target}, so a backup would be a "
                    "second writer of its repositories",
                    f"leave {target} out here, or the offload",
                )


def _apart(plan: Plan) -> Iterator[Problem]:
    """Hosts that reach only one end."""
    targets = plan.stack.backup.targets
    for name, offload in plan.stack.backup.offload.items():
        to = targets.get(offload.to)
        if to is None or offload.source not in targets:
            continue
        hosts = {j.host for j in plan.backup.jobs if j.target == offload.source}
        apart = sorted(h for h in hosts if not reaches(h, to, plan.hosts))
        if apart:
            yield Problem(
                f"backup.offload.{name}.to",
                f"{', '.join(apart)} cannot write to {offload.to}, which is local on {to.host}, so "
                f"its backups at {offload.source} would not be copied",
                f"write backup.targets.{offload.to}.kind: sftp",
            )
