"""Checks of the commands around a backup: whatever one begins, another ends."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.hooks import maintenance_of
from homelab.backup.plan import skip_reason
from homelab.check import check
from homelab.config.backup import JobSettings
from homelab.plan import Plan
from homelab.problems import Problem


@check("hook-paired")
def hook_paired(plan: Plan) -> Iterator[Problem]:
    """A service that `before` stops stays down after the backup, or after a power cut, if no
    command ends what it began.
    """
    named: list[tuple[str, JobSettings]] = [
        (s.at("backup"), s.config.backup) for s in plan.services
    ]
    named += [(f"backup.extra.{name}", e) for name, e in plan.stack.backup.extra.items()]
    for source, backup in named:
        if backup.before and not backup.after and backup.no_after is None:
            yield Problem(
                f"{source}.before",
                f"nothing ends what it begins: {' '.join(backup.before[0])}",
                "write after: [the command that ends it], or no_after: why nothing has to end it",
            )
        elif backup.no_after is not None and (backup.after or not backup.before):
            yield Problem(
                f"{source}.no_after",
                "there is an after" if backup.after else "there is no before",
                "leave no_after out",
            )


@check("hook-needed")
def hook_needed(plan: Plan) -> Iterator[Problem]:
    """A reason against a maintenance mode that homelab does not know shows that the owner expects
    one, and commands of a service without a backup never run.
    """
    for service in plan.services:
        backup = service.config.backup
        if backup.no_maintenance is not None and maintenance_of(service) is None:
            yield Problem(
                service.at("backup.no_maintenance"),
                f"homelab knows no maintenance mode of {service.name}",
                "leave no_maintenance out; before and after are for commands of your own",
            )
        for field in ("before", "after"):
            if getattr(backup, field) and skip_reason(service):
                yield Problem(
                    service.at(f"backup.{field}"),
                    f"{service.name} is not backed up: {skip_reason(service)}",
                    f"leave {field} out",
                )
