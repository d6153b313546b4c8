"""Checks of the keys that describe a service's host name and web port: each has an effect."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_modules import CatalogService, ModuleService
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.storage.shares import SAMBA

_NAMED = ("name", "audience", "publish", "auth", "public")
"""Keys that describe the route of a service without `routes`."""


@check("web-port-known")
def web_port_known(plan: Plan) -> Iterator[Problem]:
    """Without a web port a service gets no host name and no health check, so the keys that describe
    them have no effect.
    """
    for service in plan.each_service():
        config = service.config
        if service.name not in plan.stack.services:
            continue
        # `smb-not-public` reports a name of Samba.
        named = () if service.name == SAMBA or config.routes is not None else _NAMED
        given = [key for key in named if getattr(config, key) is not None and not _is_web(service)]
        if config.port is not None and "web" not in service.entry.ports:
            given.append("port")
        if not service.port and service.external is None:
            given += _probed(service)
        if given:
            yield Problem(
                f"services.{service.name}.{given[0]}",
                f"{service.name} has {_lacks(service)}, so {', '.join(given)} would have no effect",
                _way_out(service, given),
                cause="" if service.port else service.at("port"),
            )


def _probed(service: Service) -> list[str]:
    """Keys of the health check that are written. It needs a web port to ask."""
    config = service.config
    health = ["health"] if config.health is not None else []
    fields = ("path", "interval")
    return health + [f"monitor.{f}" for f in fields if getattr(config.monitor, f) is not None]


def _is_web(service: Service) -> bool:
    return bool(service.port) and service.entry.page


def _lacks(service: Service) -> str:
    return "no page for browsers" if service.port else "no web port"


def _way_out(service: Service, given: list[str]) -> str:
    config = service.config
    leave = f"leave {', '.join(given)} out"
    if service.port:
        return f"{leave}, or write a route: routes: [{{name: …}}]"
    if isinstance(config, ModuleService):
        return f"add the facts module: {{ports: {{web: {config.port or '…'}}}}}, or {leave}"
    if isinstance(config, CatalogService):
        return leave
    return f"add port: …, or {leave}"
