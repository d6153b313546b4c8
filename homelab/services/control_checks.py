"""Rules about services that may control units of their host."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_parts import Control
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.control import user_of
from homelab.services.model import Service


@check("mcp-unit-known", rows="S2-13")
def mcp_unit_known(plan: Plan) -> Iterator[Problem]:
    """A unit that may be controlled is one of a service of that host: a misspelt one would be
    found missing when it is needed, and no other unit is anybody's business.
    """
    for service, control in _controls(plan):
        known = {u for s in plan.on(service.host) for u in s.units}
        for index, unit in enumerate(control.units):
            if unit not in known:
                yield Problem(
                    service.at(f"may_control.units[{index}]"),
                    f'no service of {service.host} has the unit "{unit}"',
                    did_you_mean(unit, known, "units"),
                )


@check("mcp-user", rows="S2-13")
def mcp_user(plan: Plan) -> Iterator[Problem]:
    """The rule is for one user; root needs none, and everybody's would be for everybody."""
    for service, _ in _controls(plan):
        where = service.at("may_control")
        user = user_of(service)
        if user in ("", "root"):
            yield Problem(
                f"{where}.user",
                f"{service.name} runs as {user}, which may do everything"
                if user
                else f"nobody can tell which user {service.name} runs as",
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


@check("mcp-loopback", rows="S2-13 S3-03")
def mcp_loopback(plan: Plan) -> Iterator[Problem]:
    """Who reaches a service that controls others controls them, so it is for its host alone."""
    for service, _ in _controls(plan):
        routes = [r.title for r in plan.routes_of(service.name)]
        open_ = [p for p in service.ports if p.scope != "loopback"]
        reached = [*routes, *(f"{p.port}/{p.protocol}" for p in open_)]
        if reached:
            # The web port is open for its routes alone.
            said = [f"{service.source}.ports.{p.label}" for p in open_ if p.label != "web"]
            closed = f", and scope: loopback in {' and '.join(said)}" if said else ""
            yield Problem(
                service.source,
                f"{service.name} may control units of {service.host}, and is reached from "
                f"elsewhere at {', '.join(reached)}",
                f'keep it to its host: write never_publish: "why…"{closed}; people come to it by '
                "SSH",
            )


def _controls(plan: Plan) -> Iterator[tuple[Service, Control]]:
    for service in plan.services:
        if service.may_control is not None:
            yield service, service.may_control
