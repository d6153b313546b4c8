"""Checks of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

_GROUPS = "dashboard.groups"


@check("dashboard-group-known")
def dashboard_group_known(plan: Plan) -> Iterator[Problem]:
    """A group that is not declared has no position on the dashboard."""
    shown = plan.dashboard.groups if plan.dashboard else ()
    added = [group for group, tiles in shown if not all(t.chosen for t in tiles)]
    is_chosen = "groups" in plan.stack.dashboard.model_fields_set
    declared = [*plan.stack.dashboard.groups, *added]
    for group, tiles in shown:
        if group in declared:
            continue
        for tile in tiles:
            route = plan.route_at.get(tile.source)
            yield Problem(
                f"services.{route.service}.tile.group" if route else f"{tile.source}.group",
                f'the dashboard has no group "{group}"',
                did_you_mean(group, declared, "groups"),
                cause=f"dashboard.groups.{group}" if is_chosen else _GROUPS,
            )
