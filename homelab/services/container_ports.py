"""Published ports of containers: their firewall rules, and what their units wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.catalog.references import WEB
from homelab.network.model import LOOPBACK, TAILNET, PortUse
from homelab.nix import Attrs, Lines
from homelab.plan import Plan
from homelab.services.declared import declared_options
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.published import addresses_of, leads_to, port_inside
from homelab.services.unit import tried_again
from homelab.system.model import Host


def on_host_network(service: Service, part: Part) -> bool:
    """Whether its options put a container on the host's network, where it listens directly and
    Podman discards published ports.
    """
    option = f"virtualisation.oci-containers.containers.{part.container}"
    for stated in declared_options(service.config):
        words = [str(w) for w in stated.value] if isinstance(stated.value, list) else []
        if stated.name == f"{option}.networks" and "host" in words:
            return True
        if stated.name == f"{option}.extraOptions" and _HOST_NETWORK.search(" ".join(words)):
            return True
    return False


_HOST_NETWORK = re.compile(r"(^| )--net(work)?[= ]host( |$)")


def published_ports(plan: Plan, service: Service, part: Part, use: PortUse) -> Iterator[str]:
    """What Podman publishes for a port: an entry for each address."""
    inside = port_inside(service, part, use.label)
    end = "/udp" if use.protocol == "udp" else ""
    for address in addresses_of(plan.stack, service, use):
        yield f"{address}:{use.port}:{inside}{end}"


def published_uses(service: Service, part: Part) -> list[PortUse]:
    """The ports of a service that lead to a container, the web port first."""
    if on_host_network(service, part):
        return []
    uses = sorted(service.ports, key=lambda p: (p.label != WEB, p.label))
    return [use for use in uses if leads_to(service, part, use.label)]


def guarded(plan: Plan, host: Host, service: Service) -> Attrs:
    """Firewall rules that restrict a container's ports to their scope.

    Podman redirects packets by destination address, on any interface: without the rules a device on
    the LAN could send packets to the tailnet address and bypass the sign-in, and any routed network
    could reach the LAN address.
    """
    uses = [use for part in service.parts for use in published_uses(service, part)]
    rules = [r for use in uses for r in _rules(plan, host, service, use)]
    if not rules:
        return {}
    lines = [
        "chain published {",
        "  type filter hook prerouting priority dstnat - 10; policy accept;",
        *(f"  {rule}" for rule in rules),
        "}",
    ]
    return {
        "networking": {
            "nftables": {
                "tables": {
                    f"container-{service.name}": {
                        "family": "inet",
                        "content": Lines("\n".join(lines) + "\n"),
                    }
                }
            }
        }
    }


def _rules(plan: Plan, host: Host, service: Service, use: PortUse) -> Iterator[str]:
    for address in addresses_of(plan.stack, service, use):
        match = f"ip daddr {address} {use.protocol} dport {use.port}"
        if address == LOOPBACK:
            continue
        if address == host.lan and use.scope == "link":
            interface = host.config.interface
            if interface is not None:
                yield f'{match} iifname != {{ "lo", "{interface}" }} drop'
        elif address == host.lan and use.scope in ("hosts", "tailnet"):
            peers = ", ".join(use.peers)
            yield f'{match} iifname != "lo" ip saddr != {{ {peers} }} drop'
        elif address == host.lan:
            lan = plan.stack.network.lan.cidr
            yield f'{match} iifname != {{ "lo", "{TAILNET}" }} ip saddr != {lan} drop'
        else:
            yield f'{match} iifname != {{ "lo", "{TAILNET}" }} drop'


def patient(plan: Plan, host: Host, service: Service, part: Part) -> Attrs:
    """Start order and retries: Podman binds only to existing addresses, and some appear late at
    boot. A health check asks the web port, which says nothing about other containers.
    """
    uses = published_uses(service, part)
    outside = [a for use in uses for a in addresses_of(plan.stack, service, use) if a != LOOPBACK]
    lan: Attrs = {"after": ["network-online.target"], "wants": ["network-online.target"]}
    order: Attrs = {}
    if outside:
        order = {"after": ["tailscaled.service"]} if host.tailnet in outside else lan
    asked = service if part.is_web else None
    # An address gets minutes to appear.
    tries, seconds = (60, 3600) if outside else (12, 600)
    return {
        **order,
        **tried_again(plan, host.name, asked, tries=tries, seconds=seconds),
        "serviceConfig": {"RestartSec": "5s"},
    }
