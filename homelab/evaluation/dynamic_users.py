"""Compare the facts that an owner wrote with the evaluated units: DynamicUser decides where the
state is.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.service_modules import CatalogService, FlakeService
from homelab.evaluation.model import Report
from homelab.evaluation.sandbox import is_on
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.ids import ids_stated
from homelab.services.model import Service
from homelab.services.own import facts_of
from homelab.system.model import Host

SETTING = "DynamicUser"
_ROOT = "/var/lib/"
_PRIVATE = "/var/lib/private/"


def stated_by_owner(plan: Plan, host: Host) -> tuple[Service, ...]:
    """The services of a host whose `dynamic_user` the owner states, with a unit of a module."""
    return tuple(
        s
        for s in plan.on(host.name)
        if isinstance(s.config, FlakeService) or facts_of(plan.stack, s.name, s.config) is not None
        # Fixed numbers replace the dynamic user.
        if ids_stated(s.config) is None
    )


def dynamic_users(plan: Plan, host: Host, report: Report) -> Iterator[Problem]:
    """Services whose units have another DynamicUser than their facts."""
    for service in stated_by_owner(plan, host):
        units = {u: found for u in service.units if (found := report.units.get(u)) is not None}
        dynamic = [u for u, found in units.items() if is_on(found.get(SETTING, []))]
        private = [p for p in service.entry.state if p.startswith(_PRIVATE)]
        links = [p for p in service.entry.state if p.startswith(_ROOT) and p not in private]
        where = _place(service)
        if dynamic and links and not service.entry.dynamic_user:
            moved = ", ".join(p.replace(_ROOT, _PRIVATE, 1) for p in links)
            yield Problem(
                where,
                f"{dynamic[0]}.service has DynamicUser, so {', '.join(links)} is a symbolic link, "
                "and a backup has only the link",
                f"write dynamic_user: true, and state: [{moved}]",
            )
        elif units and not dynamic and (private or service.entry.dynamic_user):
            moved = ", ".join(p.replace(_PRIVATE, _ROOT, 1) for p in service.entry.state)
            yield Problem(
                where,
                f"no unit of {service.name} has DynamicUser, and its facts have dynamic_user",
                "remove dynamic_user" + (f", and write state: [{moved}]" if private else ""),
            )


def _place(service: Service) -> str:
    if isinstance(service.config, FlakeService):
        return service.at("flake.dynamic_user")
    if isinstance(service.config, CatalogService):
        return f"catalog.{service.config.service or service.name}.dynamic_user"
    return service.at("module.dynamic_user")
