"""Who may reach what over the tailnet, each way with what asked for it.

Grants only ever add: whatever no grant names is closed. A host appears by its own name, so that a
grant opens one machine and not all that share its role; one that has not joined has no address
yet, and gets its grants with the next `up` after its address is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.model import grouped
from homelab.network.between import way
from homelab.network.model import DnsPlan
from homelab.network.route import Route
from homelab.services.model import Service
from homelab.site.model import Site
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
from homelab.tailnet.model import Grant, Login, TailnetConfig

ANYBODY = ("autogroup:nonroot", "root")
"""Every user of a host."""


def plan_grants(
    site: Site,
    config: TailnetConfig,
    hosts: Mapping[str, Host],
    members: Mapping[str, Host],
    names: Mapping[str, str],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    dns: DnsPlan,
) -> tuple[Grant, ...]:
    """What follows from people, routes, services and machines; then what the stack config adds."""
    derived = _merged(
        g
        for g in (
            *_people(site, config, members, names, dns),
            *_routes(site, config, routes),
            *_uses(site, services),
            *_shares(site, config),
            *_machines(site, hosts, services),
        )
        if _known(g, names)
    )
    # Tailscale's SSH answers at the host's port 22, which has to be open first.
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
    """Who logs in by Tailscale's SSH. It knows hosts by their tags only; one that does not have it
    switched on does not answer, whatever its tag is allowed.
    """
    tags = tuple(sorted({role_tag(h) for h in members.values() if settings(h).ssh}))
    owners = (Login((OWNERS,), tags, ANYBODY, "accept", "tailnet.owners"),) if tags else ()
    added = (
        Login(tuple(r.src), tuple(r.dst), tuple(r.users), r.action, f"tailnet.ssh[{i}]")
        for i, r in enumerate(config.ssh)
    )
    return (*owners, *added)


def _people(
    site: Site,
    config: TailnetConfig,
    members: Mapping[str, Host],
    names: Mapping[str, str],
    dns: DnsPlan,
) -> Iterator[Grant]:
    entry = site.network.entry.host
    yield Grant((OWNERS,), ("*",), ("*",), "tailnet.owners")
    if config.family:
        doors = tuple(n for n in (entry, lan_name(entry)) if n in names)
        yield Grant((FAMILY,), doors, (f"tcp:{HTTPS}",), "tailnet.family")
        if any(settings(h).exit_node for h in members.values()):
            yield Grant((FAMILY,), ("autogroup:internet",), ("*",), "tailnet.family")
    yield Grant(EVERYBODY, (dns.host,), (f"tcp:{DNS}", f"udp:{DNS}"), "network.dns")


def _routes(site: Site, config: TailnetConfig, routes: tuple[Route, ...]) -> Iterator[Grant]:
    for route in routes:
        if route.remote and _meet(site, site.network.entry.host, route.host):
            yield _edge(site.network.entry.host, route.host, route.port, route.source)
        if route.is_direct and route.audience != "operator" and config.family:
            yield Grant((FAMILY,), (route.host,), (f"tcp:{route.port}",), route.source)


def _meet(site: Site, caller: str, callee: str) -> bool:
    """Whether one host calls the other over the tailnet."""
    found = way(site, caller, callee)
    return found is not None and found.network == "tailnet"


def _uses(site: Site, services: tuple[Service, ...]) -> Iterator[Grant]:
    named = grouped(services, lambda s: s.name)
    for user in services:
        for used in (s for name in sorted(user.asks) for s in named.get(name, ())):
            if user.host not in used.callers or not used.port:
                continue
            if _meet(site, user.host, used.host):
                said = user.at("uses") if used.name in user.config.uses else user.source
                yield _edge(user.host, used.host, used.port, said)


def _shares(site: Site, config: TailnetConfig) -> Iterator[Grant]:
    """Network drives that are for more people than the owner."""
    for share in plan_shares(site):
        if config.family and (share.guest or set(share.users) - {site.site.owner.user}):
            yield Grant((FAMILY,), (share.host,), (f"tcp:{SMB[-1]}",), share.source)


def _machines(
    site: Site, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> Iterator[Grant]:
    """Builds, backups and releases that wait go from machine to machine by SSH."""
    for name, host in sorted(hosts.items()):
        builder = host.config.build.host
        if builder is not None and builder in hosts and builder != name:
            yield _edge(name, builder, hosts[builder].config.ssh.port, f"hosts.{name}.build")
        courier = hosts.get((host.config.asleep and host.config.asleep.pull_from) or "")
        if courier is not None:
            # There to fetch, and back to see whether SSH answers from outside.
            for one, other in ((host, courier), (courier, host)):
                yield _edge(one.name, other.name, other.config.ssh.port, f"hosts.{name}.asleep")
    for name, target in sorted(site.backup.targets.items()):
        if target.kind == "sftp" and target.host is not None and target.host in hosts:
            port = hosts[target.host].config.ssh.port
            for source in sorted({s.host for s in services if s.state} - {target.host}):
                if hosts[source].role != "agent":
                    yield _edge(source, target.host, port, f"backup.targets.{name}")


def _edge(source: str, target: str, port: int, why: str) -> Grant:
    return Grant((source,), (target,), (f"tcp:{port}",), why)


def _known(grant: Grant, names: Mapping[str, str]) -> bool:
    """Whether each end is somebody: a group, everybody, or a host that has joined."""
    ends = (*grant.src, *grant.dst)
    return bool(grant.dst) and all(e in names or ":" in e or e == "*" for e in ends)


def _merged(grants: Iterator[Grant]) -> tuple[Grant, ...]:
    """One grant for each pair of ends, in the order in which they first appear."""
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
