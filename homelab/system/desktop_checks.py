"""The check of where a desktop is."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem


@check("desktop-place", severity="warning")
def desktop_place(plan: Plan) -> Iterator[Problem]:
    """A desktop takes memory from the services of an appliance, and wears out its flash storage."""
    for host in plan.hosts.values():
        config = host.config
        if config.desktop is None:
            continue
        board = config.profile == "raspberry-pi-4"
        if config.role == "appliance" or config.flash or board:
            what = "a board" if board else "on flash storage" if config.flash else "an appliance"
            yield Problem(
                f"{host.source}.desktop",
                f"{host.name} is {what}, and a desktop takes memory and writes from its services",
                "leave it out, or give the desktop to another host",
            )
