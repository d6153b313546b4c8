"""Links: the address at which one service reaches another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homelab.catalog.references import WEB
from homelab.config.stack import StackConfig
from homelab.network.between import dialled
from homelab.network.model import LOOPBACK
from homelab.services.model import Service
from homelab.services.published import addresses_of, leads_to, port_inside

HOST_OF_CONTAINERS = "host.containers.internal"
"""Name of the host inside a container."""


@dataclass(frozen=True)
class Link:
    """An address, as one service dials it. As text it is the URL."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL without a path: `http://127.0.0.1:11434`."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.url


def link_between(
    stack: StackConfig, caller: Service, called: Sequence[Service], label: str = WEB
) -> Link | None:
    """How a service reaches a port of another, which may run on several hosts: the instance on the
    same host if there is one, otherwise the first. None if the service has no such port.
    """
    there = next((s for s in called if s.host == caller.host), next(iter(called), None))
    if there is None:
        return None
    if there.external is not None:
        external = there.external
        found = Link(external.scheme, external.address, external.port)
        return found if label == WEB else None
    port = port_of(there, label)
    if not port:
        return None
    scheme = _scheme(there, label)
    inside = _within_network(caller, there, label)
    if inside is not None:
        return Link(scheme, *inside)
    return Link(scheme, _host(stack, caller, there, label), port)


def port_of(service: Service, label: str) -> int:
    """The number of one of its ports on its host; 0 if it has no such port."""
    if label == WEB:
        return service.port
    return next((p.port for p in service.ports if p.label == label), 0)


def _scheme(service: Service, label: str) -> str:
    """The scheme of a port: that of a route that leads to it, otherwise that of its facts."""
    routes = [r for r in service.config.routes or () if (r.port or WEB) == label]
    if routes and "upstream" in routes[0].model_fields_set:
        return routes[0].upstream.scheme
    return service.entry.upstream.scheme if label == WEB else "http"


def _within_network(caller: Service, called: Service, label: str) -> tuple[str, int] | None:
    """The name and port of a container of the caller's Podman network; None for every other
    service.
    """
    if caller.host != called.host or not caller.parts:
        return None
    part = next((p for p in called.parts if leads_to(called, p, label)), None)
    inside = port_inside(called, part, label) if part is not None else None
    return (part.container, inside) if part is not None and inside is not None else None


def _host(stack: StackConfig, caller: Service, called: Service, label: str) -> str:
    if caller.host != called.host:
        return dialled(stack, caller.host, called.host)
    if caller.parts:
        return HOST_OF_CONTAINERS
    if called.parts:
        published = (
            a for p in called.ports if p.label == label for a in addresses_of(stack, called, p)
        )
        return next(published, LOOPBACK)
    if called.namespace is None or called.namespace == caller.namespace:
        return LOOPBACK
    return called.namespace.inside
