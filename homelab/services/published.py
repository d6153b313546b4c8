"""Where the ports of containers are published, and to which container each leads."""

from __future__ import annotations

from homelab.catalog.references import WEB
from homelab.config.containers import ContainerPort, PartPort
from homelab.config.services import ports_of
from homelab.config.stack import StackConfig
from homelab.network.between import published
from homelab.network.model import LOOPBACK, PortUse
from homelab.services.model import Service
from homelab.services.parts import Part


def addresses_of(stack: StackConfig, service: Service, use: PortUse) -> list[str]:
    """Addresses at which a port of a container is published. Podman's ports bypass the firewall, so
    each gets an address and a rule of its own.
    """
    near = [] if use.label == WEB and service.callers else [LOOPBACK]
    if use.label != WEB and use.scope != "loopback":
        near = []
    return [*near, *published(stack, use)]


def port_inside(service: Service, part: Part, label: str) -> int | None:
    """The number that a port of a service has inside its container."""
    if label == WEB:
        return part.port
    stated = ports_of(service.config)[label]
    return (stated.inside if isinstance(stated, ContainerPort) else None) or stated.port


def leads_to(service: Service, part: Part, label: str) -> bool:
    """Whether a port of a service leads to this container."""
    stated = ports_of(service.config).get(label)
    named = stated.part if isinstance(stated, PartPort) else None
    return part.is_web if named is None else part.name == named
