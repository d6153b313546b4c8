"""Checks of services that the home depends on."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.critical import untestable


@check("critical-tested")
def critical_tested(plan: Plan) -> Iterator[Problem]:
    """A critical service has a test. One that a test cannot run would look tested."""
    for name, config in sorted(plan.stack.services.items()):
        if not config.critical:
            continue
        for service in plan.instances(name)[:1]:
            why = untestable(plan, service)
            if why:
                yield Problem(
                    service.at("critical"),
                    f"{name} cannot have a NixOS test: {why}",
                    "leave critical out; health checks and the probes of each switch test it",
                )
        if not config.runs:
            yield Problem(
                f"services.{name}.critical",
                f"{name} does not run, so nothing tests it",
                "leave critical out until it runs",
            )
