"""Checks of ports, routes and the resolver."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import FlakeService
from homelab.network.between import on_tailnet, path_between
from homelab.network.calls import calls_of
from homelab.network.model import DNS_PORT, MDNS_PORT, RESOLVERS, resolver_entry
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.ports import band, is_movable
from homelab.services.said import said_of
from homelab.storage.shares import SAMBA
from homelab.tailnet.model import SECTION


@check("port-unique", rows="S0-11 S4-02")
def port_unique(plan: Plan) -> Iterator[Problem]:
    """Two programs cannot listen on one port; the second would fail at start, days later."""
    seen: dict[tuple[str, int, str], str] = {}
    for use in plan.ports:
        key = (use.host, use.port, use.protocol)
        other = seen.get(key)
        # Beside the resolver, dns-single-writer tells.
        names = use.port == DNS_PORT and use.host == plan.stack.network.dns.host
        if other is not None and other != use.owner and not names:
            first, second = sorted((other, use.owner))
            yield Problem(
                use.source,
                f"{first} and {second} both want {use.port}/{use.protocol} on {use.host}",
                "give one of them another port",
            )
        seen[key] = use.owner


@check("port-band", rows="S4-02")
def port_band(plan: Plan) -> Iterator[Problem]:
    """With bands, a number tells what kind of thing listens."""
    if plan.stack.network.ports.policy != "banded":
        return
    for service in plan.services:
        if not is_movable(service):
            continue
        first, last = band(plan.stack, service)
        if not first <= service.port <= last:
            kind = "infrastructure" if service.entry.infrastructure else "services"
            yield Problem(
                service.at("port"),
                f"{service.port} is outside the band of {kind}, {first} to {last}",
                "choose one inside, or leave it out",
            )


@check("route-port", rows="S0-11")
def route_port(plan: Plan) -> Iterator[Problem]:
    """A route leads to a port that the service has."""
    for service in plan.services:
        for index, route in enumerate(service.config.routes or []):
            if route.port is not None and route.port not in service.entry.ports:
                yield Problem(
                    f"services.{service.name}.routes[{index}].port",
                    f'{service.name} has no port "{route.port}"',
                    did_you_mean(route.port, service.entry.ports, "ports"),
                )
            elif route.port is None and not service.port:
                yield Problem(
                    f"services.{service.name}.routes[{index}]",
                    f"{service.name} has no web port",
                    "leave the route out",
                )


@check("backend-reachable", rows="S0-12")
def backend_reachable(plan: Plan) -> Iterator[Problem]:
    """A host that calls another finds it: over the tailnet where both are in it, else on the LAN,
    where the one has to know the other's address, and the other the caller's.
    """
    for call in calls_of(plan):
        found = path_between(plan.stack, call.caller, call.callee)
        if found is None or found.is_known:
            continue
        lacking = call.callee if not found.callee else call.caller
        if found.network == "lan" and lacking == plan.stack.network.entry.host:
            continue  # entry-address tells
        if found.network == "tailnet":
            way_out = (
                f"add hosts.{lacking}.address.tailnet once the host has joined; or "
                f"hosts.{lacking}.tailscale: null, to be called over the LAN"
            )
        else:
            why = (
                ""
                if plan.stack.tailnet is None
                else f", for {_outside(plan, call.caller, call.callee)} is not in the tailnet"
            )
            way_out = f"add hosts.{lacking}.address.lan{why}"
        yield Problem(
            call.source, f"{call.caller} cannot reach {call.what} on {call.callee}", way_out
        )
    entry = plan.stack.network.entry.host
    for route in plan.routes:
        if entry in plan.hosts and route.remote and _loopback_only(plan, route.service):
            yield Problem(
                route.source,
                f"{route.service} listens on loopback only, and the proxy is on {entry}",
                f"write services.{route.service}.host: {entry}",
            )


def _outside(plan: Plan, *hosts: str) -> str:
    return next(h for h in hosts if not on_tailnet(plan.stack, h))


@check("tailnet-elsewhere", rows="S0-22")
def tailnet_elsewhere(plan: Plan) -> Iterator[Problem]:
    """Without `homelab:tailnet` nothing here runs Tailscale: its addresses and settings have no
    effect on how hosts call each other.
    """
    if plan.stack.tailnet is not None:
        return
    for host in plan.hosts.values():
        settings = host.config.tailscale
        if host.is_nixos and settings is not None and settings.model_fields_set:
            yield Problem(
                f"{host.source}.tailscale",
                f"{', '.join(sorted(settings.model_fields_set))} would be settings of Tailscale, "
                f"and there is no homelab:tailnet that {host.name} could be in",
                f"leave it out, or add {SECTION}",
            )
        if host.tailnet:
            yield Problem(
                f"{host.source}.address.tailnet",
                f"without homelab:tailnet {host.tailnet} is for SSH of the deployer alone; hosts "
                "call each other over the LAN",
                f"leave it out; or, if {host.name} is in one, add {SECTION}",
                severity="warning",
            )
    for route in plan.routes:
        said = "tailnet_direct" if route.tailnet_direct and not route.lan_direct else ""
        if route.sources == "tailnet":
            said = "sources"
        if said:
            yield Problem(
                route.at(said),
                f"{route.service} is to answer the tailnet's devices, and there is no "
                "homelab:tailnet",
                f"add {SECTION}; or instead of {said} write "
                f"{'lan_direct: true' if said != 'sources' else 'sources: lan'}",
            )


@check("scope-tailnet", rows="S0-56")
def scope_tailnet(plan: Plan) -> Iterator[Problem]:
    """A port that is open to the tailnet alone is closed on a host that is not in it."""
    direct = {(r.host, r.port) for r in plan.routes if r.is_direct}
    for use in plan.firewall.ports:
        if use.scope == "tailnet" and not on_tailnet(plan.stack, use.host):
            if (use.host, use.port) in direct or use.owner == SAMBA:
                continue  # tailnet-elsewhere and smb-not-public tell
            yield Problem(
                use.source,
                f"{use.port}/{use.protocol} of {use.owner} is for the tailnet, and {use.host} is "
                "not in it",
                "scope: lan, or let the host join",
            )


def _loopback_only(plan: Plan, name: str) -> bool:
    """A flake's service is told where to listen by its own options, which we cannot see."""
    config = plan.stack.services.get(name)
    return isinstance(config, FlakeService) and not any(
        "host" in o.lower() or "address" in o.lower() or "bind" in o.lower()
        for o in (said.name for said in said_of(config))
        if "allowed" not in o.lower()
    )


@check("entry-address", rows="S0-19 S0-14")
def entry_address(plan: Plan) -> Iterator[Problem]:
    """Every internal name is the entry host's LAN address; without one, none resolves."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if entry is not None and not entry.lan:
        yield Problem(
            f"{entry.source}.address.lan",
            f"{entry.name} answers for every name and has no LAN address",
            "add address: {lan: …}",
        )


@check("dns-bootstrap", rows="S0-19 S0-79")
def dns_bootstrap(plan: Plan) -> Iterator[Problem]:
    """Upstreams given by name are looked up somewhere, and that cannot be this resolver."""
    dns = plan.stack.network.dns
    if dns.host is None:
        return
    if not dns.bootstrap:
        yield Problem(
            "network.dns.bootstrap",
            "the resolver cannot find its own upstreams",
            "name two addresses: [1.1.1.1, 9.9.9.9]",
        )
    own = {host.lan for host in plan.hosts.values()} | {h.tailnet for h in plan.hosts.values()}
    for index, address in enumerate(dns.bootstrap):
        if str(address) in own:
            yield Problem(
                f"network.dns.bootstrap[{index}]",
                f"{address} is one of our own hosts: the resolver would wait for itself",
                "name a public resolver",
            )


@check("firewall-owner", rows="S0-56 S2-10")
def firewall_owner(plan: Plan) -> Iterator[Problem]:
    """Every open port has somebody to answer for it."""
    for use in plan.firewall.ports:
        if not use.why:
            yield Problem(
                use.source,
                f"{use.owner} opens {use.port}/{use.protocol} on {use.host} without a reason",
                "say why: …",
            )


@check("dns-single-writer", rows="S0-19 S0-60")
def dns_single_writer(plan: Plan) -> Iterator[Problem]:
    """One program answers for the homelab's names, from one table; a second would disagree."""
    dns = plan.stack.network.dns
    chosen = resolver_entry(dns.server)
    for service in plan.services:
        if service.name in RESOLVERS and service.name != chosen:
            yield Problem(
                service.source,
                f"{service.name} would answer beside {chosen or 'nobody'}, which network.dns names",
                f"leave it out, or write network.dns: {{host: {service.host}, "
                f"server: {RESOLVERS[service.name]}}}",
            )
    for use in plan.ports:
        if use.owner in (chosen, *RESOLVERS):
            continue
        if chosen and use.host == dns.host and use.port == DNS_PORT:
            yield Problem(
                use.source,
                f"{use.owner} takes port {use.port} of {use.host}, where {chosen} answers",
                "give it another port or another host",
            )
    for name, config in plan.stack.services.items():
        for said in said_of(config):
            other = said.value is True and said.name in _OTHER_RESOLVERS
            if other and _runs_on(plan, name, dns.host or ""):
                yield Problem(
                    f"services.{name}.options",
                    f"{said.name} starts a second resolver on {dns.host}",
                    "leave it out; network.dns says who answers",
                )
            elif said.name.startswith(_TABLES):
                yield Problem(
                    f"services.{name}.options",
                    f"{said.name} writes names of its own",
                    "leave it out: names follow from routes, so give the service a route",
                )


_OTHER_RESOLVERS = (
    *("services.bind.enable", "services.dnsmasq.enable", "services.resolved.enable"),
    *("services.unbound.enable", "services.kresd.enable", "services.coredns.enable"),
)
_TABLES = (
    "services.blocky.settings.customDNS",
    "services.adguardhome.settings.filtering.rewrites",
)


def _runs_on(plan: Plan, service: str, host: str) -> bool:
    return any(s.name == service for s in plan.on(host))


@check("mdns-scope", rows="S3-05")
def mdns_scope(plan: Plan) -> Iterator[Problem]:
    """Multicast DNS tells everyone in earshot what there is, so it stays on the LAN's interface."""
    for use in plan.firewall.ports:
        if use.scope == "link" and plan.hosts[use.host].config.interface is None:
            yield Problem(
                f"{plan.hosts[use.host].source}.interface",
                f"{use.port}/{use.protocol} of {use.owner} is open on the LAN's interface of "
                f"{use.host}, and nobody says which that is",
                "add interface: its name in `ip link`, as end0 or enp3s0",
            )
        if (use.port, use.protocol) == (MDNS_PORT, "udp") and use.scope != "link":
            yield Problem(
                use.source,
                f"{use.owner} opens {MDNS_PORT}/udp on {use.host} further than the LAN's interface",
                f"drop it, and write hosts.{use.host}.mdns: true{_on_link(plan, use.host)}",
            )


def _on_link(plan: Plan, host: str) -> str:
    """What mDNS needs beside it."""
    said = plan.hosts[host].config.interface is not None
    return "" if said else f", and hosts.{host}.interface: … (its name in `ip link`)"
