"""Grants of the tailnet policy, each with the place in the stack config that needs it.

Everything without a grant is closed. A grant names a host rather than its role tag, so that it
opens one machine. A host that has not joined has no address; its grants are created by the first
`up` after its address is in the stack config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.catalog.references import WEB
from homelab.config.stack import StackConfig
from homelab.config.tailnet import TailnetConfig
from homelab.grouping import grouped
from homelab.network.between import path_between
from homelab.network.model import DnsPlan
from homelab.network.route import Route
from homelab.services.links import port_of
from homelab.services.model import Service
from homelab.storage.nfs import NFS, plan_exports
from homelab.storage.shares import SMB, plan_shares
from homelab.system.model import Host
from homelab.tailnet.members import (
    DNS,
    EVERYBODY,
    FAMILY,
    HTTPS,
    OWNERS,
    SSH,
    lan_name,
    role_tag,
    settings,
)
from homelab.tailnet.model import Grant, Login

ANYBODY = ("autogroup:nonroot", "root")
"""All users of a host."""


def plan_grants(
    stack: StackConfig,
    config: TailnetConfig,
    hosts: Mapping[str, Host],
    members: Mapping[str, Host],
    names: Mapping[str, str],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    dns: DnsPlan,
) -> tuple[Grant, ...]:
    """Derived grants (people, routes, services, machines), then those of the stack config."""
    derived = _merged(
        g
        for g in (
            *_people(stack, config, members, names, dns),
            *_routes(stack, config, routes),
            *_uses(stack, services),
            *_databases(stack, services),
            *_shares(stack, config),
            *_machines(stack, hosts, services),
        )
        if _known(g, names)
    )
    # Tailscale SSH uses port 22 of the host, which needs a grant too.
    ssh = (
        Grant(tuple(r.src), tuple(r.dst), (f"tcp:{SSH}",), f"tailnet.ssh[{i}]")
        for i, r in enumerate(config.ssh)
    )
    added = (
        Grant(tuple(g.src), tuple(g.dst), tuple(g.ip), f"tailnet.grants[{i}]")
        for i, g in enumerate(config.grants)
    )
    return (*derived, *ssh, *added)


def plan_logins(config: TailnetConfig, members: Mapping[str, Host]) -> tuple[Login, ...]:
    """The rules of Tailscale SSH. They refer to hosts by tag; a host without `ssh: true` does not
    answer, whatever the rules of its tag are.
    """
    tags = tuple(sorted({role_tag(h) for h in members.values() if settings(h).ssh}))
    owners = (Login((OWNERS,), tags, ANYBODY, "accept", "tailnet.owners"),) if tags else ()
    added = (
        Login(tuple(r.src), tuple(r.dst), tuple(r.users), r.action, f"tailnet.ssh[{i}]")
        for i, r in enumerate(config.ssh)
    )
    return (*owners, *added)


def _people(
    stack: StackConfig,
    config: TailnetConfig,
    members: Mapping[str, Host],
    names: Mapping[str, str],
    dns: DnsPlan,
) -> Iterator[Grant]:
    entry = stack.network.entry.host
    yield Grant((OWNERS,), ("*",), ("*",), "tailnet.owners")
    if config.family:
        entry_names = tuple(n for n in (entry, lan_name(entry)) if n in names)
        yield Grant((FAMILY,), entry_names, (f"tcp:{HTTPS}",), "tailnet.family")
        if any(settings(h).exit_node for h in members.values()):
            yield Grant((FAMILY,), ("autogroup:internet",), ("*",), "tailnet.family")
    yield Grant(EVERYBODY, (dns.host,), (f"tcp:{DNS}", f"udp:{DNS}"), "network.dns")


def _routes(
    stack: StackConfig, config: TailnetConfig, routes: tuple[Route, ...]
) -> Iterator[Grant]:
    for route in routes:
        if route.remote and _over_tailnet(stack, stack.network.entry.host, route.host):
            yield _edge(stack.network.entry.host, route.host, route.port, route.source)
        if route.is_direct and route.audience != "operator" and config.family:
            yield Grant((FAMILY,), (route.host,), (f"tcp:{route.port}",), route.source)


def _over_tailnet(stack: StackConfig, caller: str, callee: str) -> bool:
    """Whether one host connects to the other over the tailnet."""
    found = path_between(stack, caller, callee)
    return found is not None and found.network == "tailnet"


def _uses(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Grant]:
    named = grouped(services, lambda s: s.name)
    for user in services:
        uses = sorted(user.uses, key=lambda u: (u.name, u.port != WEB, u.port))
        for use, used in ((u, s) for u in uses for s in named.get(u.name, ())):
            port = port_of(used, use.port)
            if user.host not in used.called.get(use.port, ()) or not port:
                continue
            if _over_tailnet(stack, user.host, used.host):
                place = user.at("uses") if use.is_stated else user.used_at(use)
                protocol = next((p.protocol for p in used.ports if p.label == use.port), "tcp")
                yield _edge(user.host, used.host, port, place, protocol)


def _databases(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Grant]:
    for database in (d for s in services for d in s.databases if d.is_remote):
        if _over_tailnet(stack, database.caller, database.host):
            yield _edge(database.caller, database.host, database.port, database.source)


def _shares(stack: StackConfig, config: TailnetConfig) -> Iterator[Grant]:
    """Network drives that other people than the owner use."""
    for share in plan_shares(stack):
        if config.family and (share.guest or set(share.users) - {stack.site.owner.user}):
            yield Grant((FAMILY,), (share.host,), (f"tcp:{SMB[-1]}",), share.source)


def _machines(
    stack: StackConfig, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> Iterator[Grant]:
    """SSH between machines: remote builds, backups, replicas, and bundles of offline hosts; NFS."""
    for name, host in sorted(hosts.items()):
        builder = host.config.build.host
        if builder is not None and builder in hosts and builder != name:
            yield _edge(name, builder, hosts[builder].config.ssh.port, f"hosts.{name}.build")
        relay = hosts.get((host.config.offline and host.config.offline.pull_from) or "")
        if relay is not None:
            # The host fetches from the relay, and the relay tests whether SSH of the host answers.
            for source, target in ((host, relay), (relay, host)):
                port = target.config.ssh.port
                yield _edge(source.name, target.name, port, f"hosts.{name}.offline")
    for name, dataset in sorted(stack.datasets.items()):
        to = dataset.replicate.to if dataset.replicate is not None else ""
        if to in hosts and dataset.host in hosts and to != dataset.host:
            place = f"datasets.{name}.replicate"
            yield _edge(dataset.host, to, hosts[to].config.ssh.port, place)
    for export in plan_exports(stack):
        if _over_tailnet(stack, export.client, export.server):
            yield _edge(export.client, export.server, NFS, export.source)
    for name, repository in sorted(stack.backup.targets.items()):
        server = repository.host
        if repository.kind in ("rest", "sftp") and server is not None and server in hosts:
            over_ssh = repository.kind == "sftp"
            port = hosts[server].config.ssh.port if over_ssh else repository.port
            for client in sorted({s.host for s in services if s.state} - {server}):
                if hosts[client].role != "agent":
                    yield _edge(client, server, port, f"backup.targets.{name}")


def _edge(source: str, target: str, port: int, why: str, protocol: str = "tcp") -> Grant:
    return Grant((source,), (target,), (f"{protocol}:{port}",), why)


def _known(grant: Grant, names: Mapping[str, str]) -> bool:
    """Whether each end exists: a group, a tag, `*`, or a host that has joined."""
    ends = (*grant.src, *grant.dst)
    return bool(grant.dst) and all(e in names or ":" in e or e == "*" for e in ends)


def _merged(grants: Iterator[Grant]) -> tuple[Grant, ...]:
    """One grant per (src, dst), in order of first appearance."""
    out: dict[tuple[tuple[str, ...], tuple[str, ...]], Grant] = {}
    for grant in grants:
        seen = out.setdefault((grant.src, grant.dst), grant)
        if grant is seen:
            continue
        sources = dict.fromkeys((*seen.source.split(", "), grant.source))
        ports = tuple(sorted({*seen.ip, *grant.ip}, key=_by_port))
        out[grant.src, grant.dst] = replace(seen, ip=ports, source=", ".join(sources))
    return tuple(out.values())


def _by_port(ip: str) -> tuple[str, int]:
    protocol, _, port = ip.partition(":")
    return protocol, int(port) if port.isdigit() else 0
