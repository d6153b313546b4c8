"""Checks of services that may control units of their host."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_parts import Control
from homelab.openings.checks import of_stack
from homelab.openings.daemons import CONTROLLER
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.control import user_of
from homelab.services.model import Service


@check("mcp-unit-known")
def mcp_unit_known(plan: Plan) -> Iterator[Problem]:
    """A service may control only units of services on its host; a misspelt unit would fail when it
    is needed.
    """
    for service, control in _controls(plan):
        known = {u for s in plan.on(service.host) for u in s.units}
        for index, unit in enumerate(control.units):
            called = unit.removeprefix("podman-")
            if unit not in known and not plan.is_lost(called):
                yield Problem(
                    service.at(f"may_control.units[{index}]"),
                    f'no service of {service.host} has the unit "{unit}"',
                    did_you_mean(unit, known, "units"),
                    # A service that does not run here has no unit.
                    cause=f"services.{called}",
                )


@check("mcp-user")
def mcp_user(plan: Plan) -> Iterator[Problem]:
    """The polkit rule applies to a user, so a service that shares its user would give the right to
    other programs.
    """
    for service, _ in _controls(plan):
        where = service.at("may_control")
        user = user_of(service)
        if user in ("", "root"):
            yield Problem(
                f"{where}.user",
                f"{service.name} runs as {user}, which may do everything"
                if user
                else f"the user that {service.name} runs as is not known",
                "let it run as a user of its own, and name it: user: …",
            )
        else:
            for other in plan.on(service.host):
                if other.name != service.name and other.entry.user == user:
                    yield Problem(
                        f"{where}.user",
                        f"{other.name} runs as {user}, too, and could do the same",
                        f"let {service.name} run as a user of its own, and name it: user: …",
                    )


@check("mcp-loopback")
def mcp_loopback(plan: Plan) -> Iterator[Problem]:
    """Whoever can reach a service that controls units can control them, so only its own host may
    reach it.
    """
    for service, _ in _controls(plan):
        routes = [r.title for r in plan.routes_of(service.name)]
        open_ = [p for p in service.ports if p.scope != "loopback"]
        reached = [*routes, *(f"{p.port}/{p.protocol}" for p in open_)]
        if reached:
            # The web port is open only for its routes.
            stated = [f"{service.source}.ports.{p.label}" for p in open_ if p.label != "web"]
            closed = f", and scope: loopback in {' and '.join(stated)}" if stated else ""
            yield Problem(
                service.source,
                f"{service.name} may control units of {service.host}, and other machines can reach "
                f"it at {', '.join(reached)}",
                f'restrict it to its host: write never_publish: "why…"{closed}; use it through SSH',
            )
    for where, opening in of_stack(plan, (CONTROLLER,)):
        yield Problem(where, opening.what, opening.way_out)


def _controls(plan: Plan) -> Iterator[tuple[Service, Control]]:
    for service in plan.services:
        if service.may_control is not None:
            yield service, service.may_control
