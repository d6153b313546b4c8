"""Checks of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homelab.check import check
from homelab.dashboard.local import pairs
from homelab.dashboard.plan import DASHBOARD, GLANCE
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

_GROUPS = "dashboard.groups"
_SHOWN = ("links", "local_links", "icons", "favicon")
"""Keys of the dashboard that nothing else uses."""


@check("dashboard-runs")
def dashboard_runs(plan: Plan) -> Iterator[Problem]:
    """Links and icons have no effect without a dashboard that homelab fills."""
    config = plan.stack.dashboard
    if plan.dashboard is not None or any(plan.is_lost(n) for n in (DASHBOARD, GLANCE)):
        return
    if plan.stack.network.entry.local_http in (DASHBOARD, GLANCE):
        return  # local-http reports that it does not run
    for key in _SHOWN:
        if getattr(config, key):
            yield Problem(
                f"dashboard.{key}",
                "no dashboard of homelab shows this",
                f"leave it out, or add services.{DASHBOARD}: {{host: …}}",
                cause=f"services.{DASHBOARD}",
            )


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


@check("local-links", whole=True)
def local_links(plan: Plan) -> Iterator[Problem]:
    """A button that switches no link would only confuse."""
    if not plan.stack.dashboard.local_links or plan.dashboard is None or pairs(plan):
        return
    published = [r for r in plan.routes if r.publish != "internal"]
    # A host without an address is a problem of its own.
    if not any(r.lan_direct for r in published):
        yield Problem(
            "dashboard.local_links",
            "no link on the dashboard leads to a public name that has another address at home",
            f"leave it out, or {_with_address(published)}",
        )


def _with_address(published: Sequence[Route]) -> str:
    """What gives one of these routes an address at home."""
    web = [r for r in published if r.is_web and r.service]
    if not web:
        return "publish a service"
    route = web[0]
    if ".routes[" in route.source:
        return f"write lan_direct: true at {route.source}"
    service = f"services.{route.service}"
    at = f"{service}.routes: [{{publish: {route.publish}, lan_direct: true}}]"
    return f"write {at} in place of {service}.publish"
