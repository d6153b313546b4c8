"""Who may reach what over the tailnet, and which resolver its devices ask.

Grants only ever add: whatever no grant names is closed. A host appears by its own name, so that a
grant opens one machine and not all that share its role; one that has not joined has no address
yet, and gets its grants with the next `up` after its address is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.network.model import DnsPlan, Route
from homelab.services.model import Service
from homelab.site.model import Site
from homelab.system.model import Host, HostTailscale
from homelab.tailnet.model import Grant, JoinKey, PolicyTest, TailnetConfig, TailnetPlan

OWNERS, FAMILY = "group:owners", "group:family"
EVERYBODY = ("autogroup:member", "autogroup:tagged")
DEPLOYER = "tag:iac"
"""Tag of the OAuth client that `pulumi up` signs in with; it owns every other tag."""
SSH, HTTPS, DNS = 22, 443, 53


def plan_tailnet(
    site: Site,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    dns: DnsPlan,
) -> TailnetPlan | None:
    """Everything that Tailscale is asked for; None without a `tailnet` section."""
    config = site.tailnet
    if config is None:
        return None
    members = {n: h for n, h in sorted(hosts.items()) if is_member(h)}
    names = _names(site, hosts)
    grants = _merged(
        g
        for g in (
            *_people(site, config, members, names, dns),
            *_routes(site, config, routes),
            *_uses(services),
            *_machines(site, hosts, services),
        )
        if _known(g, names)
    )
    grants += tuple(
        Grant(tuple(g.src), tuple(g.dst), tuple(g.ip), f"tailnet.grants[{i}]")
        for i, g in enumerate(config.grants)
    )
    resolver = hosts[dns.host].tailnet if dns.host in members else ""
    nameservers = (resolver,) if resolver else ()
    return TailnetPlan(
        name=config.name,
        grants=grants,
        tests=(
            *_lifelines(config, names, members),
            *_edges(grants, names),
            *_closed(config, members),
        ),
        groups={
            group: tuple(sorted(set(emails)))
            for group, emails in ((FAMILY, config.family), (OWNERS, config.owners))
            if emails
        },
        tags=_tags(members),
        hosts=names,
        routes=_approvers(members),
        exit_nodes=tuple(sorted({role_tag(h) for h in members.values() if _settings(h).exit_node})),
        keys=tuple(JoinKey(n, host_tags(h)) for n, h in members.items() if needs_key(h)),
        nameservers=nameservers,
        split=((site.site.domain, nameservers),) if nameservers else (),
        search=(site.site.domain,),
        # Without a resolver of ours, devices must keep the one they have.
        override_local_dns=config.override_local_dns and bool(nameservers),
        adopt=config.adopt,
    )


def is_member(host: Host) -> bool:
    """Whether this host is in the tailnet under a tag; a person's own device is not."""
    return host.is_nixos and host.config.tailscale is not None and host.config.state != "planned"


def needs_key(host: Host) -> bool:
    """Whether the host has yet to join: it is live, and nobody has written its address down."""
    return is_member(host) and host.config.state == "live" and not host.tailnet


def role_tag(host: Host) -> str:
    """The tag of the host's role."""
    return f"tag:{host.role}"


def host_tags(host: Host) -> tuple[str, ...]:
    """Every tag the host carries: its role, and those the stack config adds."""
    return tuple(sorted({role_tag(host), *(f"tag:{t}" for t in _settings(host).tags)}))


def lan_name(host: str) -> str:
    """The policy's name of a host's LAN address, which is reached through a subnet route."""
    return f"{host}-lan"


def _settings(host: Host) -> HostTailscale:
    return host.config.tailscale or HostTailscale()


def _names(site: Site, hosts: Mapping[str, Host]) -> dict[str, str]:
    """Every host that has joined, and the LAN address that the internal names lead to."""
    names = {n: h.tailnet for n, h in hosts.items() if h.tailnet}
    entry = hosts.get(site.network.entry.host)
    if entry is not None and entry.lan and lan_name(entry.name) not in names:
        names[lan_name(entry.name)] = entry.lan
    return dict(sorted(names.items()))


def _tags(members: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    tags: dict[str, list[str]] = {}
    for name, host in members.items():
        for tag in host_tags(host):
            tags.setdefault(tag, []).append(name)
    return {tag: tuple(tags[tag]) for tag in sorted(tags)}


def _approvers(members: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    routes: dict[str, set[str]] = {}
    for host in members.values():
        for network in _settings(host).subnet_routes:
            routes.setdefault(str(network), set()).add(role_tag(host))
    return {network: tuple(sorted(routes[network])) for network in sorted(routes)}


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
        if any(_settings(h).exit_node for h in members.values()):
            yield Grant((FAMILY,), ("autogroup:internet",), ("*",), "tailnet.family")
    yield Grant(EVERYBODY, (dns.host,), (f"tcp:{DNS}", f"udp:{DNS}"), "network.dns")


def _routes(site: Site, config: TailnetConfig, routes: tuple[Route, ...]) -> Iterator[Grant]:
    for route in routes:
        if route.remote:
            yield _edge(site.network.entry.host, route.host, route.port, route.source)
        if route.is_direct and route.audience != "operator" and config.family:
            yield Grant((FAMILY,), (route.host,), (f"tcp:{route.port}",), route.source)


def _uses(services: tuple[Service, ...]) -> Iterator[Grant]:
    for user in services:
        for used in services:
            if used.name in user.config.uses and used.host != user.host and used.port:
                yield _edge(user.host, used.host, used.port, f"{user.source}.uses")


def _machines(
    site: Site, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> Iterator[Grant]:
    """Builds and backups go from machine to machine by SSH."""
    for name, host in sorted(hosts.items()):
        builder = host.config.build.host
        if builder is not None and builder != name:
            yield _edge(name, builder, SSH, f"hosts.{name}.build")
    for name, target in sorted(site.backup.targets.items()):
        if target.kind == "sftp" and target.host is not None:
            for source in sorted({s.host for s in services if s.state} - {target.host}):
                if hosts[source].role != "agent":
                    yield _edge(source, target.host, SSH, f"backup.targets.{name}")


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


def _lifelines(
    config: TailnetConfig, names: Mapping[str, str], members: Mapping[str, Host]
) -> Iterator[PolicyTest]:
    """Owners reach every host by SSH, so that no policy locks them out."""
    reach = tuple(f"{n}:{SSH}" for n in names if n in members)
    if reach:
        for owner in sorted(set(config.owners)):
            yield PolicyTest(owner, reach, (), "tailnet.owners")


def _edges(grants: tuple[Grant, ...], names: Mapping[str, str]) -> Iterator[PolicyTest]:
    """Each way from host to host that routes and services need is open."""
    for grant in grants:
        if len(grant.src) == 1 and grant.src[0] in names:
            ports = [p.partition(":")[2] for p in grant.ip if p.startswith("tcp:")]
            accept = tuple(
                f"{d}:{p}" for d in grant.dst if d in names for p in ports if p.isdigit()
            )
            if accept:
                yield PolicyTest(grant.src[0], accept, (), grant.source)


def _closed(config: TailnetConfig, members: Mapping[str, Host]) -> Iterator[PolicyTest]:
    """Nobody but owners, and machines that were told to, logs in on a host."""
    for who, source in (("tag:agent", "hosts"), *((m, "tailnet.family") for m in config.family)):
        if who in config.owners:
            continue
        is_tag = who.startswith("tag:")
        if is_tag and not any(role_tag(h) == who for h in members.values()):
            continue
        deny = tuple(
            f"{n}:{SSH}"
            for n, h in members.items()
            if h.tailnet and not (is_tag and role_tag(h) == who)
        )
        if deny:
            yield PolicyTest(who, (), deny, source)
