"""Checks of names: who answers for them, and who else writes them."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.network.model import (
    DNS_PORT,
    MDNS_PORT,
    NAME_TABLES,
    OTHER_RESOLVERS,
    RESOLVERS,
    resolver_entry,
)
from homelab.network.plan import internal_name, ssh_names
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options


@check("dns-bootstrap")
def dns_bootstrap(plan: Plan) -> Iterator[Problem]:
    """A resolver cannot look up the host names of its own upstreams."""
    dns = plan.stack.network.dns
    if dns.host is None:
        return
    if not dns.bootstrap:
        yield Problem(
            "network.dns.bootstrap",
            "the resolver cannot resolve the names of its own upstreams",
            "write two addresses: [1.1.1.1, 9.9.9.9]",
        )
    own = {host.lan for host in plan.hosts.values()} | {h.tailnet for h in plan.hosts.values()}
    for index, address in enumerate(dns.bootstrap):
        if str(address) in own:
            yield Problem(
                f"network.dns.bootstrap[{index}]",
                f"{address} is a host of this homelab: the resolver would query itself",
                "write the address of a public resolver",
            )


@check("dns-on-lan", severity="warning")
def dns_on_lan(plan: Plan) -> Iterator[Problem]:
    """A device on the LAN that is not in the tailnet asks the resolver at its LAN address."""
    host = plan.hosts.get(plan.stack.network.dns.host or "")
    if host is None or host.lan or not host.addresses or not plan.dns.names:
        return
    yield Problem(
        "network.dns.host",
        f"{host.name} has no address on the LAN, so devices at home that are not in the tailnet "
        "cannot ask it",
        "name a host with an address on the LAN"
        if not host.may_be_at_home
        else f"add {host.source}.address.lan, or name another host",
        cause=host.address_at("lan"),
    )


@check("dns-single-writer")
def dns_single_writer(plan: Plan) -> Iterator[Problem]:
    """Two resolvers, or two tables of names, give different answers."""
    dns = plan.stack.network.dns
    chosen = resolver_entry(dns.server)
    for service in plan.services:
        if service.name in RESOLVERS and service.name != chosen:
            yield Problem(
                service.source,
                f"{service.name} is a second resolver beside {chosen}, which network.dns chooses"
                if chosen
                else f"{service.name} is a resolver, but network.dns chooses none",
                f"leave it out, or write network.dns: {{host: {service.host}, "
                f"server: {RESOLVERS[service.name]}}}",
            )
    for use in plan.ports:
        if use.owner in (chosen, *RESOLVERS):
            continue
        if chosen and use.host == dns.host and use.port == DNS_PORT:
            yield Problem(
                use.source,
                f"{use.owner} uses port {use.port} of {use.host}, where {chosen} listens",
                "give it another port or another host",
            )
    for name, config in plan.stack.services.items():
        for option in declared_options(config):
            other = option.value is True and option.name in OTHER_RESOLVERS
            if other and _runs_on(plan, name, dns.host or ""):
                yield Problem(
                    f"services.{name}.options",
                    f"{option.name} starts a second resolver on {dns.host}",
                    "leave it out; network.dns chooses the resolver",
                )
            elif option.name.startswith(NAME_TABLES):
                yield Problem(
                    f"services.{name}.options",
                    f"{option.name} defines DNS names outside the routes",
                    "leave it out, and give the service a route: names follow from routes",
                )


@check("dns-name-unique")
def dns_name_unique(plan: Plan) -> Iterator[Problem]:
    """A name has one address: the resolver would send the visitors of a route to a device, or the
    other way round, and Git over SSH to another host than that of the repositories.
    """
    routes = {name: r for r in plan.routes for name, _ in r.moved}
    routes |= {r.internal: r for r in plan.routes if r.internal}
    for name in plan.stack.network.dns.names:
        full = internal_name(plan.stack, name)
        if full in routes:
            yield Problem(
                f"network.dns.names.{name}",
                f"{full} is the name of a route of {routes[full].service}",
                "leave it out, or give the device another name",
            )
    devices = {internal_name(plan.stack, n): n for n in plan.stack.network.dns.names}
    for full, (service, _) in ssh_names(plan.stack, plan.hosts, plan.services, plan.routes).items():
        taken = f"a name of {routes[full].service}" if full in routes else ""
        if full in devices:
            taken = f"the device network.dns.names.{devices[full]}"
        if taken:
            yield Problem(
                service.source,
                f"{full} is the name for SSH of {service.name}, and {taken} has it already",
                "give one of them another name",
            )


def _runs_on(plan: Plan, service: str, host: str) -> bool:
    return any(s.name == service for s in plan.on(host))


@check("mdns-scope")
def mdns_scope(plan: Plan) -> Iterator[Problem]:
    """Multicast DNS announces hosts to a whole network segment, so only the LAN may receive it."""
    for use in plan.firewall.ports:
        if use.scope == "link" and plan.hosts[use.host].config.interface is None:
            yield Problem(
                f"{plan.hosts[use.host].source}.interface",
                f"{use.port}/{use.protocol} of {use.owner} is open on the LAN interface of "
                f"{use.host}, but the stack config does not name that interface",
                "add interface: its name in `ip link`, such as end0 or enp3s0",
                cause=f"{plan.hosts[use.host].source}.interface",
            )
        if (use.port, use.protocol) == (MDNS_PORT, "udp") and use.scope != "link":
            yield Problem(
                use.source,
                f"{use.owner} opens {MDNS_PORT}/udp on {use.host} beyond the LAN interface",
                f"remove it, and write hosts.{use.host}.mdns: true{_on_link(plan, use.host)}",
            )


def _on_link(plan: Plan, host: str) -> str:
    """The rest of the way out if the host has no interface set: mDNS needs it."""
    has_interface = plan.hosts[host].config.interface is not None
    return "" if has_interface else f", and hosts.{host}.interface: … (its name in `ip link`)"
