"""Plan the tailnet: its policy, its DNS settings and the auth keys of hosts that must join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.config.stack import StackConfig
from homelab.config.tailnet import TailnetConfig
from homelab.network.model import DnsPlan
from homelab.network.route import Route
from homelab.services.model import Service
from homelab.system.model import Host
from homelab.tailnet.assertions import plan_login_tests, plan_tests
from homelab.tailnet.grants import plan_grants, plan_logins
from homelab.tailnet.members import (
    FAMILY,
    OWNERS,
    host_tags,
    is_member,
    lan_name,
    needs_key,
    role_tag,
    settings,
    tagged,
)
from homelab.tailnet.model import JOIN_KEY, Device, JoinKey, TailnetPlan

EVERYWHERE = ("0.0.0.0/0", "::/0")
"""The routes of an exit node."""


def plan_tailnet(
    stack_config: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    dns: DnsPlan,
    stack: str = "",
) -> TailnetPlan | None:
    """The planned tailnet; `None` without a `tailnet` section."""
    config = stack_config.tailnet
    if config is None:
        return None
    members = {n: h for n, h in sorted(hosts.items()) if is_member(h)}
    names, tags = _names(stack_config, config, hosts), _tags(config, hosts)
    grants = plan_grants(stack_config, config, hosts, members, names, services, routes, dns)
    logins = plan_logins(config, members)
    resolver = hosts[dns.host].tailnet if dns.host in members else ""
    nameservers = (resolver,) if resolver else ()
    return TailnetPlan(
        name=config.name,
        grants=grants,
        tests=plan_tests(config, grants, names, members, tags),
        groups={
            group: tuple(sorted(set(emails)))
            for group, emails in ((FAMILY, config.family), (OWNERS, config.owners))
            if emails
        },
        tags=tags,
        hosts=names,
        routes=_approvers(config, members),
        exit_nodes=tuple(sorted({*_exits(config, members)})),
        keys=tuple(_keys(members, stack_config.secrets.epoch(JOIN_KEY[0]))),
        devices=tuple(_devices(members)),
        logins=logins,
        login_tests=plan_login_tests(config, logins, tags),
        attributes=tuple(
            (tuple(names.get(t, t) for t in a.target), tuple(a.attr))
            for a in config.node_attributes
        ),
        nameservers=nameservers,
        split=tuple(_split(stack_config, config, nameservers)),
        search=(stack_config.site.domain, *config.dns.search),
        # Without a resolver of the homelab, devices must keep their own.
        override_local_dns=config.override_local_dns and bool(nameservers),
        adopt=config.adopt or "",
        stack=stack,
        elsewhere=config.policy == "elsewhere",
    )


def _split(
    stack_config: StackConfig, config: TailnetConfig, nameservers: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(domain, name servers). The home resolver answers the domain and the legacy domains."""
    ours = (
        (stack_config.site.domain, *(d.domain for d in stack_config.site.legacy_domains))
        if nameservers
        else ()
    )
    for domain in dict.fromkeys(ours):
        yield domain, nameservers
    for domain, servers in sorted(config.dns.split.items()):
        if domain not in ours:
            yield domain, tuple(sorted(map(str, servers)))


def _keys(members: Mapping[str, Host], epoch: int) -> Iterator[JoinKey]:
    suffix = f"-{epoch}" if epoch > 1 else ""
    for name, host in members.items():
        if needs_key(host):
            yield JoinKey(name, f"{name}-join{suffix}", host_tags(host))


def _devices(members: Mapping[str, Host]) -> Iterator[Device]:
    for name, host in members.items():
        config = settings(host)
        if config.device is not None:
            routes = sorted(map(str, config.subnet_routes))
            routes += EVERYWHERE if config.exit_node else ()
            yield Device(name, config.device, host_tags(host), tuple(routes))


def _names(
    stack_config: StackConfig, config: TailnetConfig, hosts: Mapping[str, Host]
) -> dict[str, str]:
    """Addresses of all machines that have joined, and the LAN address of the entry host."""
    names = {n: str(m.address) for n, m in config.machines.items()}
    names |= {n: h.tailnet for n, h in hosts.items() if h.tailnet}
    entry = hosts.get(stack_config.network.entry.host)
    if entry is not None and entry.lan and lan_name(entry.name) not in names:
        names[lan_name(entry.name)] = entry.lan
    return dict(sorted(names.items()))


def _tags(config: TailnetConfig, hosts: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    """All tags with their hosts and machines."""
    tags = tagged(hosts)
    for name, machine in sorted(config.machines.items()):
        for tag in machine.tags:
            tags[f"tag:{tag}"] = tuple(sorted({*tags.get(f"tag:{tag}", ()), name}))
    return {tag: tags[tag] for tag in sorted(tags)}


def _exits(config: TailnetConfig, members: Mapping[str, Host]) -> Iterator[str]:
    """Tags of exit nodes."""
    yield from {role_tag(h) for h in members.values() if settings(h).exit_node}
    for machine in config.machines.values():
        if machine.exit_node:
            yield f"tag:{machine.tags[0]}"


def _approvers(config: TailnetConfig, members: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    routes: dict[str, set[str]] = {}
    for machine in config.machines.values():
        for network in machine.routes:
            routes.setdefault(str(network), set()).add(f"tag:{machine.tags[0]}")
    for host in members.values():
        for network in settings(host).subnet_routes:
            routes.setdefault(str(network), set()).add(role_tag(host))
    return {network: tuple(sorted(routes[network])) for network in sorted(routes)}
