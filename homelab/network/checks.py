"""Checks of ports, routes and the resolver."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_modules import FlakeService
from homelab.network.between import on_tailnet, path_between
from homelab.network.calls import calls_of
from homelab.network.model import DNS_PORT, PortUse
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import DeclaredOption, declared_options, flattened
from homelab.services.model import Service
from homelab.services.ports import band, is_movable
from homelab.storage.shares import SAMBA
from homelab.tailnet.model import SECTION

_UNPRIVILEGED = 1024
"""The first port that a program needs no capability for."""


@check("port-unique")
def port_unique(plan: Plan) -> Iterator[Problem]:
    """Two programs cannot listen on one port; the second one fails when it starts."""
    seen: dict[tuple[str, int, str], PortUse] = {}
    taken = {(use.host, use.port) for use in plan.ports}
    for use in plan.ports:
        key = (use.host, use.port, use.protocol)
        other = seen.get(key)
        # dns-single-writer reports port 53 on the resolver's host.
        is_resolver = use.port == DNS_PORT and use.host == plan.stack.network.dns.host
        if other is not None and other.owner != use.owner and not is_resolver:
            first, second = sorted((other.owner, use.owner))
            yield Problem(
                use.source,
                f"{first} and {second} both use {use.port}/{use.protocol} on {use.host}",
                _other_port(plan, taken, other, use),
                cause=_second_instance(plan, use, other),
            )
        elif other is not None and other.owner == use.owner and other.label != use.label:
            first, second = sorted((other.label, use.label))
            yield Problem(
                use.source,
                f"the ports {first} and {second} of {use.owner} are both {use.port}/{use.protocol}",
                "give one of them another port",
            )
        seen[key] = use


def _second_instance(plan: Plan, use: PortUse, other: PortUse) -> str:
    """The key that makes a second instance, if both ports are of one app; otherwise empty."""
    apps = {
        owner: s.entry.name for owner in (use.owner, other.owner) for s in plan.instances(owner)
    }
    same = len(apps) == 2 and len({*apps.values()}) == 1
    return f"services.{max(apps)}.service" if same else ""


def _other_port(plan: Plan, taken: set[tuple[str, int]], *uses: PortUse) -> str:
    """Which of two programs with one port can have another port, and a free one, which is then
    taken.
    """
    fixed: list[str] = []
    movable: list[str] = []
    for use in sorted(uses, key=lambda u: u.owner):
        service = next((s for s in plan.instances(use.owner) if s.host == use.host), None)
        if service is not None and use.label == "web" and not service.is_custom:
            (movable if is_movable(service) else fixed).append(use.owner)
    if fixed and movable:
        return f"write another services.{movable[0]}.port; no option of {fixed[0]} changes its port"
    out = "give one of them another port"
    if not movable:
        return out
    host, port = uses[0].host, uses[0].port
    free = next(n for n in range(port + 1, 65536) if (host, n) not in taken and n >= _UNPRIVILEGED)
    taken.add((host, free))
    return f"{out}, such as services.{movable[-1]}.port: {free}"


@check("port-band")
def port_band(plan: Plan) -> Iterator[Problem]:
    """With `ports.policy: banded`, a port outside its band misleads about the kind of service."""
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
                "choose a port inside the band, or leave it out",
            )


@check("route-port")
def route_port(plan: Plan) -> Iterator[Problem]:
    """A route to a port that the service does not have leads nowhere."""
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


@check("backend-reachable")
def backend_reachable(plan: Plan) -> Iterator[Problem]:
    """A host cannot call another whose address is unknown, nor pass a LAN firewall that does not
    know its own.
    """
    for call in calls_of(plan):
        found = path_between(plan.stack, call.caller, call.callee)
        if found is None or found.is_known:
            continue
        lacking = call.callee if not found.callee else call.caller
        if found.network == "lan" and lacking == plan.stack.network.entry.host:
            continue  # reported by entry-address
        if found.network == "tailnet":
            way_out = (
                f"add hosts.{lacking}.address.tailnet once the host has joined: by hand "
                "(docs/guide/tailnet.md), or in an up without this"
            )
            if plan.hosts[lacking].may_be_at_home:
                way_out += f"; or hosts.{lacking}.tailscale: null to use the LAN"
        else:
            why = (
                ""
                if plan.stack.tailnet is None
                else f", because {_outside(plan, call.caller, call.callee)} is not in the tailnet"
            )
            way_out = f"add hosts.{lacking}.address.lan{why}"
            if not plan.hosts[lacking].may_be_at_home:
                way_out = (
                    f"{lacking} is outside of the LAN: {_join(plan, call.caller, call.callee)}"
                )
        yield Problem(
            call.source,
            f"{call.caller} cannot reach {call.what} on {call.callee}",
            way_out,
            cause=plan.hosts[lacking].address_at(found.network),
        )
    entry = plan.stack.network.entry.host
    for route in plan.routes:
        if entry in plan.hosts and route.remote and _loopback_only(plan, route.service):
            yield Problem(
                route.source,
                f"{route.service} on {route.host} listens on loopback only, and the proxy is on "
                f"{entry}",
                f"write services.{route.service}.host: {entry}, or set the option of its module "
                'for the address, to {$text: "{bind}"}',
            )
    for service in plan.services:
        for opt in _kept_inside(service):
            yield Problem(
                service.at(f"options.{opt.key}"),
                f"{opt.name} keeps {service.name} on {service.host} to loopback, and "
                f"{', '.join(service.callers)} cannot call it there",
                "leave it out: the plan sets the address, and the firewall admits the callers "
                "alone; or place the service there",
            )


_INSIDE = re.compile(r"([a-z]+://)?(127\.[0-9.]+|localhost|\[?::1\]?)(:[0-9]+)?/?")


def _kept_inside(service: Service) -> Iterator[DeclaredOption]:
    """Options of the stack config that replace the address of a service that others call."""
    if not service.callers:
        return
    ours = {o.path for o in flattened(service.entry.options) if "{bind}" in str(o.value)}
    for opt in declared_options(service.config):
        values = opt.value if isinstance(opt.value, list) else [opt.value]
        if opt.path in ours and all(_INSIDE.fullmatch(str(v)) for v in values):
            yield opt


def _outside(plan: Plan, *hosts: str) -> str:
    return next(h for h in hosts if not on_tailnet(plan.stack, h))


def _join(plan: Plan, *hosts: str) -> str:
    """How two hosts come to reach each other over the tailnet."""
    if plan.stack.tailnet is None:
        return f"add {SECTION}, so that both join"
    apart = [f"hosts.{h}.tailscale: null" for h in hosts if not on_tailnet(plan.stack, h)]
    return f"drop {' and '.join(apart)}, so that both are in the tailnet"


@check("tailnet-elsewhere")
def tailnet_elsewhere(plan: Plan) -> Iterator[Problem]:
    """Without `homelab:tailnet` no host runs Tailscale, so tailnet settings have no effect."""
    if plan.stack.tailnet is not None:
        return
    for host in plan.hosts.values():
        settings = host.config.tailscale
        if host.is_nixos and settings is not None and settings.model_fields_set:
            yield Problem(
                f"{host.source}.tailscale",
                f"{', '.join(sorted(settings.model_fields_set))} are settings of Tailscale, "
                f"but there is no homelab:tailnet that {host.name} can join",
                f"leave it out, or add {SECTION}",
                cause="tailnet",
            )
        if host.tailnet:
            yield Problem(
                f"{host.source}.address.tailnet",
                f"without homelab:tailnet only the deployer's SSH uses {host.tailnet}; hosts "
                "call each other over the LAN",
                f"leave it out; or, if {host.name} is in a tailnet, add {SECTION}",
                severity="warning",
                cause="tailnet",
            )
    for route in plan.routes:
        field = "tailnet_direct" if route.tailnet_direct and not route.lan_direct else ""
        if route.sources == "tailnet":
            field = "sources"
        if field:
            yield Problem(
                route.at(field),
                f"{route.service} is for devices on the tailnet, but there is no homelab:tailnet",
                f"add {SECTION}; or instead of {field} write "
                f"{'lan_direct: true' if field != 'sources' else 'sources: lan'}",
                cause="tailnet",
            )


@check("scope-tailnet")
def scope_tailnet(plan: Plan) -> Iterator[Problem]:
    """On a host outside the tailnet, a port that is open only to the tailnet is closed."""
    direct = {(r.host, r.port) for r in plan.routes if r.is_direct}
    for use in plan.firewall.ports:
        if use.scope == "tailnet" and not on_tailnet(plan.stack, use.host):
            if (use.host, use.port) in direct or use.owner == SAMBA:
                continue  # reported by tailnet-elsewhere and smb-not-public
            yield Problem(
                use.source,
                f"{use.port}/{use.protocol} of {use.owner} is for the tailnet, but {use.host} is "
                "not in it",
                f"write {_scope_at(use)}, or let the host join",
            )


def _scope_at(use: PortUse) -> str:
    """The key that opens a port to the LAN."""
    stated = use.source.endswith(f".ports.{use.label}")
    said = f"port: {use.port}, protocol: {use.protocol}, scope: lan"
    return "scope: lan" if stated else f"services.{use.owner}.ports.{use.label}: {{{said}}}"


def _loopback_only(plan: Plan, name: str) -> bool:
    """Whether a flake service sets no option for its listen address: loopback is assumed then."""
    config = plan.stack.services.get(name)
    return isinstance(config, FlakeService) and not any(
        _ADDRESS.search(option.name) and not _INSIDE.fullmatch(str(option.value))
        for option in declared_options(config)
    )


_ADDRESS = re.compile(r"(?i)^(?!.*allowed).*(host|address|bind)")


@check("entry-address")
def entry_address(plan: Plan) -> Iterator[Problem]:
    """Every internal name resolves to the LAN address of the entry host; without it none does."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if entry is not None and not entry.lan:
        yield Problem(
            f"{entry.source}.address.lan",
            f"{entry.name} is the entry host and has no LAN address",
            "add address: {lan: …}",
            cause=entry.address_at("lan"),
        )


@check("firewall-owner")
def firewall_owner(plan: Plan) -> Iterator[Problem]:
    """Without a reason nobody knows whether an open port can be closed."""
    for use in plan.firewall.ports:
        if not use.why:
            yield Problem(
                use.source,
                f"{use.owner} opens {use.port}/{use.protocol} on {use.host} without a reason",
                "add why: …",
            )
