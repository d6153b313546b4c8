"""Which services a virtual machine can test on its own."""

from __future__ import annotations

from homelab.config.service_modules import ModuleService
from homelab.plan import Plan
from homelab.services.model import Service


def critical_services(plan: Plan) -> tuple[Service, ...]:
    """The critical services that a virtual machine can test, one of each name, by name."""
    found = {s.name: s for s in plan.services if s.config.critical and not untestable(plan, s)}
    return tuple(found[name] for name in sorted(found))


def untestable(plan: Plan, service: Service) -> str:
    """Why a virtual machine without a network and without own modules cannot run a service; empty
    if it can.
    """
    if service.external is not None:
        return "no host of the stack runs it"
    if service.parts:
        return "a test has no network to pull its container image"
    if isinstance(service.config, ModuleService):
        return "your own modules configure it, and a test has none of them"
    if service.devices:
        return f"a test has no {', '.join(sorted(service.devices))}"
    if service.config.gpu is not None:
        return "a test has no GPU"
    if service.vpn is not None:
        return "a test cannot reach its VPN"
    away = [d for d in service.databases if d.host != service.host]
    if away:
        return f"its database {away[0].name} is on {away[0].host}, and a test is one machine"
    host = plan.hosts.get(service.host)
    if host is not None and not host.config.manages("services"):
        return f"homelab does not manage the services of {service.host}"
    return "" if service.units else "it has no unit"
