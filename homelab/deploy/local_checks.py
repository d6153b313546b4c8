"""Checks of a deployer that is one of its hosts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem


@check("local-fits")
def local_fits(plan: Plan) -> Iterator[Problem]:
    """One machine runs `pulumi up`, and it cannot confirm its own restart or be off meanwhile."""
    found = [h for h in plan.hosts.values() if h.config.ssh.local]
    for host in found[1:]:
        yield Problem(
            f"{host.source}.ssh.local",
            f"{found[0].name} has it too, and pulumi up runs on one machine",
            f"write {host.source}.ssh.local: false, or leave it out at {found[0].name}",
        )
    for host in found:
        if host.config.reboot is not None:
            yield Problem(
                f"{host.source}.reboot",
                f"pulumi up runs on {host.name}, so a restart would end it, and nobody would "
                "confirm the new system",
                f"leave reboot out; for a new kernel: HOMELAB_MODE=boot pulumi up, a reboot, then "
                f"homelab confirm {host.name}",
            )
        if host.config.offline is not None:
            yield Problem(
                f"{host.source}.offline",
                f"pulumi up runs on {host.name}, so nobody wakes it or keeps a bundle for it",
                "leave offline out, or ssh.local",
            )
