"""Checks of `deploy.mode`."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.deploy.modes import fetches
from homelab.plan import Plan
from homelab.problems import Problem


@check("mode-fetched", severity="warning")
def mode_fetched(plan: Plan) -> Iterator[Problem]:
    """A host that fetches its release cannot test it for a deployer that is not there."""
    for host in plan.hosts.values():
        mode = host.config.mode or plan.stack.deploy.mode
        if mode == "switch" or not fetches(host) or not host.is_deployed:
            continue
        yield Problem(
            f"{host.source}.mode" if host.config.mode else "deploy.mode",
            f"{host.name} fetches its releases, which {mode} does not work for, so it is left as "
            "it is",
            f"write {host.source}.mode: switch to deploy it, or {host.source}.state: held",
        )
