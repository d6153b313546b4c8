"""Addresses at which Podman publishes the ports of a container."""

from __future__ import annotations

from homelab.catalog.references import WEB
from homelab.config.stack import StackConfig
from homelab.network.between import published
from homelab.network.model import LOOPBACK, PortUse
from homelab.services.model import Service


def addresses_of(stack: StackConfig, service: Service, use: PortUse) -> list[str]:
    """Addresses at which a port of a container is published. Podman's ports bypass the firewall, so
    each gets an address and a rule of its own.
    """
    near = [] if use.label == WEB and service.callers else [LOOPBACK]
    if use.label != WEB and use.scope != "loopback":
        near = []
    return [*near, *published(stack, use)]
