"""Checks of apps that no host of the stack runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.system.model import RUNNING, Host

_PROXY = (80, 443)
"""Ports of the reverse proxy."""
_ITSELF = ("127.0.0.1", "localhost")


@check("external-elsewhere")
def external_elsewhere(plan: Plan) -> Iterator[Problem]:
    """A request that the reverse proxy sends to itself goes round until it fails. An app on a host
    of the stack is no external one: that host's firewall opens no port for it.
    """
    names = {name for route in plan.routes for name in route.names}
    at = {address: host for host in plan.hosts.values() for address in host.addresses.values()}
    for service in plan.services:
        if service.external is not None:
            yield from _of(plan, service, names, at)


def _of(
    plan: Plan, service: Service, names: Collection[str], at: Mapping[str, Host]
) -> Iterator[Problem]:
    external = service.external
    if external is None:
        return
    address, where = external.address.lower(), service.at("external.address")
    entry, host = plan.stack.network.entry.host, at.get(address)
    is_entry = address in _ITSELF or (host is not None and host.name == entry)
    if external.port in _PROXY and (is_entry or address in names):
        yield Problem(
            where,
            f"{external.address}:{external.port} is the reverse proxy of the stack, so a request "
            f"for {service.name} would go round in it",
            "write the address and the port of the app itself",
        )
    elif host is not None and not is_entry and _is_closed(plan, host, external.port):
        yield Problem(
            where,
            f"{external.address} is {host.name}, a host of the stack, whose firewall does not open "
            f"{external.port}/tcp for {service.name}",
            "write the address of the machine that runs it; or, if that is the host, describe it "
            f"as a service there: host: {host.name}, with module, unit or container in place of "
            "external",
            severity="warning",
        )


def _is_closed(plan: Plan, host: Host, port: int) -> bool:
    """Whether the firewall of a host is the plan's, and opens a port to no other machine."""
    if not host.is_nixos or host.config.state not in RUNNING:
        return False
    opened = any((u.port, u.protocol) == (port, "tcp") for u in plan.firewall.on(host.name))
    return host.config.manages("firewall") and not opened
