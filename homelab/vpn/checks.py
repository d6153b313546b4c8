"""Checks of VPNs: a confined service uses its VPN or has no network."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, ip_interface

from homelab.catalog.references import WEB
from homelab.check import check
from homelab.config.service_programs import ExternalService
from homelab.config.services import vpn_of
from homelab.config.vpn import ServiceVpn
from homelab.connections.pairs import place_of_use
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declared_options
from homelab.services.ids import has_fixed_user
from homelab.services.model import Service
from homelab.services.plan import hosts_of
from homelab.services.uses import Use, uses_of

_LINKS = IPv4Network("10.200.0.0/16")


@check("vpn-complete")
def complete(plan: Plan) -> Iterator[Problem]:
    """A tunnel without a host fails, and a resolver outside the tunnel leaks DNS queries."""
    own = {h.lan for h in plan.hosts.values()} | {h.tailnet for h in plan.hosts.values()}
    lan = plan.stack.network.lan.cidr
    for name, vpn in plan.stack.vpn.items():
        host = plan.hosts.get(vpn.host)
        if host is None:
            hosts = [h.name for h in plan.hosts.values() if h.is_nixos]
            yield Problem(
                f"vpn.{name}.host",
                f'there is no host "{vpn.host}"',
                did_you_mean(vpn.host, hosts, "hosts"),
            )
        elif not host.is_nixos:
            yield Problem(
                f"vpn.{name}.host", f"{host.name} is home-manager only", "name a NixOS host"
            )
        for index, text in enumerate(vpn.address):
            inside = ip_interface(text).network
            if inside.version == lan.version and lan.overlaps(inside):
                yield Problem(
                    f"vpn.{name}.address" + (f"[{index}]" if len(vpn.address) > 1 else ""),
                    f"{text} is an address of the LAN {lan}, and {vpn.host} would send what is for "
                    "the LAN into the tunnel",
                    "write the address that the provider assigned: 10.2.0.2/32; if that is it, "
                    "give the LAN another network",
                )
        for index, address in enumerate(vpn.dns):
            if str(address) in own or address in lan or address.is_loopback:
                yield Problem(
                    f"vpn.{name}.dns[{index}]",
                    f"{address} is at home, not behind the tunnel: it would tell who asks for what",
                    "name the provider's resolver",
                )
    for made in plan.vpn.vpns:
        server = made.endpoint.rpartition(":")[0]
        if made.mode == "namespace" and not server.replace(".", "").isdecimal():
            yield Problem(
                f"{made.source}.endpoint",
                f"{server} is looked up inside the namespace, where nothing answers before the "
                "tunnel is up",
                "write the server's address, as 203.0.113.7:51820",
            )


@check("vpn-used", severity="warning", whole=True)
def used(plan: Plan) -> Iterator[Problem]:
    """A VPN without a service is not created."""
    made = {v.name for v in plan.vpn.vpns}
    for name in plan.stack.vpn:
        if name not in made:
            yield Problem(
                f"vpn.{name}",
                "no service leaves by it",
                f"add vpn: {name} to one of services, or drop it",
            )


@check("vpn-host")
def on_its_host(plan: Plan) -> Iterator[Problem]:
    """A service can be confined only on the host of its VPN."""
    for service, vpn in _users(plan):
        tunnel = plan.stack.vpn.get(vpn.name)
        if tunnel is None:
            yield Problem(
                service.at("vpn"),
                f'there is no VPN "{vpn.name}"',
                did_you_mean(vpn.name, plan.stack.vpn, "VPNs"),
            )
        elif tunnel.host != service.host:
            yield Problem(
                service.at("vpn"),
                f"{vpn.name} is on {tunnel.host}, and {service.name} runs on {service.host}",
                f"run {service.name} on its host (host: {tunnel.host}), or describe a VPN on "
                f"{service.host}",
            )


@check("vpn-member-gid")
def member_gid(plan: Plan) -> Iterator[Problem]:
    """The kill switch matches packets by group number, so the service needs a fixed group of its
    own. NixOS checks the rules in a sandbox without user names.
    """
    for service, vpn in _users(plan):
        if vpn.mode != "killswitch":
            continue
        where = service.at("vpn")
        if not has_fixed_user(service):
            why = (
                "gets another user at every start"
                if service.entry.dynamic_user
                else "has no user and group that we know of"
            )
            yield Problem(
                where,
                f"{service.name} {why}, and the kill-switch needs a fixed group",
                f"write vpn: {{name: {vpn.name}, mode: namespace}}",
            )
        else:
            for option in declared_options(service.config):
                if _sets_identity(option.path):
                    yield Problem(
                        service.at("options"),
                        f"{option.name} sets another user or group than the kill-switch matches",
                        f"drop it, or write vpn: {{name: {vpn.name}, mode: namespace}}",
                    )


@check("vpn-mode-single")
def mode_single(plan: Plan) -> Iterator[Problem]:
    """A VPN cannot be in the host's network and in a namespace at once."""
    first: dict[str, tuple[str, str]] = {}
    for service, vpn in _users(plan):
        other, mode = first.setdefault(vpn.name, (service.name, vpn.mode))
        if vpn.mode != mode:
            yield Problem(
                service.at("vpn.mode"),
                f"{vpn.name} has mode {mode} for {other}, and {vpn.mode} for {service.name}",
                f"write mode: {mode} for both, or mode: {vpn.mode}; or describe a second VPN",
            )


@check("vpn-group-exclusive")
def group_exclusive(plan: Plan) -> Iterator[Problem]:
    """Another service with the same group would be confined too, or use the wrong VPN."""
    for vpn in plan.vpn.vpns:
        for member in vpn.members:
            if not member.user:
                continue
            for other in plan.on(vpn.host):
                other_vpn = other.vpn.name if other.vpn is not None else ""
                if other.name == member.service or other_vpn == vpn.name:
                    continue
                options = [
                    s.name
                    for s in declared_options(other.config)
                    if _sets_identity(s.path) and s.value == member.user
                ]
                if options:
                    yield Problem(
                        f"{other.source}.options",
                        f"{other.name} runs with the group {member.user}, which confines "
                        f"{member.service} to {vpn.name}",
                        f"drop {', '.join(options)}, or give it another group there",
                    )


@check("netns-upstream")
def upstream(plan: Plan) -> Iterator[Problem]:
    """The addresses of namespace links must not overlap the LAN."""
    lan = plan.stack.network.lan.cidr
    inside = [v for v in plan.vpn.vpns if v.mode == "namespace"]
    if lan.overlaps(_LINKS) and inside:
        places = [f"services.{m.service}.vpn" for v in inside for m in v.members]
        yield Problem(
            "network.lan.cidr",
            f"{lan} overlaps {_LINKS}, the addresses of the links between hosts and namespaces",
            f"write mode: killswitch in {', '.join(places)}",
        )


@check("vpn-uses")
def uses(plan: Plan) -> Iterator[Problem]:
    """A confined service cannot call a service outside its VPN; the packets are dropped."""
    for service, vpn in _users(plan):
        for use in uses_of(service.config):
            name = use.name
            other = plan.stack.services.get(name)
            if other is None or plan.is_lost(name):
                continue
            if isinstance(other, ExternalService):
                if not use.is_stated:  # service-uses reports the others
                    yield from _outside(plan, service, vpn, use, other)
                continue
            other_vpn = vpn_of(other)
            same_vpn = other_vpn is not None and other_vpn.name == vpn.name
            same_host = service.host in hosts_of(name, plan.stack)
            if vpn.mode == "namespace" and not (same_vpn and same_host):
                yield Problem(
                    place_of_use(plan.stack, service.name, use),
                    f"{service.name} sees nothing but {vpn.name}, and {name} is not in there",
                    f"add vpn: {{name: {vpn.name}, mode: namespace}} to {name}, or write mode: "
                    "killswitch for both",
                )
            elif vpn.mode == "killswitch" and not same_host:
                yield Problem(
                    place_of_use(plan.stack, service.name, use),
                    f"{name} is on another host, and {service.name} leaves by {vpn.name} only",
                    f"run {name} on the same: services.{name}.host: {service.host}",
                )

    for service in plan.services:
        for use in service.uses:
            for called in plan.instances(use.name):
                if called.namespace and called.host != service.host and use.port != WEB:
                    yield Problem(
                        place_of_use(plan.stack, service.name, use),
                        f"{use.name} runs in a VPN namespace, and only its web port can be reached "
                        "from another host",
                        f"run {service.name} on the same: services.{service.name}.host: "
                        f"{called.host}",
                    )


def _outside(
    plan: Plan, service: Service, vpn: ServiceVpn, use: Use, other: ExternalService
) -> Iterator[Problem]:
    """A confined service refers to a device on the LAN."""
    address = other.external.address
    at_home = address.replace(".", "").isdecimal() and (
        IPv4Address(address) in plan.stack.network.lan.cidr
    )
    if not at_home or (vpn.mode == "killswitch" and vpn.lan):
        return
    yield Problem(
        place_of_use(plan.stack, service.name, use),
        f"{use.name} is at {address} on the LAN, and {service.name} leaves by {vpn.name} only",
        f"services.{service.name}.vpn: {{name: {vpn.name}, lan: true}}",
    )


def _sets_identity(parts: tuple[str, ...]) -> bool:
    return (parts[0] == "services" and parts[-1] in ("user", "group")) or (
        "serviceConfig" in parts and parts[-1] in ("User", "Group", "DynamicUser")
    )


def _users(plan: Plan) -> Iterator[tuple[Service, ServiceVpn]]:
    for service in plan.services:
        if service.vpn is not None:
            yield service, service.vpn
