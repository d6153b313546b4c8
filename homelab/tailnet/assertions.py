"""Tests in the tailnet policy: Tailscale refuses a policy that fails them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from homelab.config.tailnet import TailnetConfig
from homelab.system.model import Host
from homelab.tailnet.evaluate import Grants
from homelab.tailnet.hujson import Document
from homelab.tailnet.members import FAMILY, OWNERS, login_ports, role_tag, settings
from homelab.tailnet.model import Grant, Login, LoginTest, PolicyTest

PRIVILEGED = "tag:workhorse"
"""Tag of the hosts that hold the data."""
SUBORDINATE = ("tag:agent", "tag:appliance")
"""Tags of machines that must never log in on those hosts."""


def plan_tests(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> tuple[PolicyTest, ...]:
    """Tests of the owners' access, of each needed connection, and of what must be closed."""
    return (
        *_lifelines(config, names, members),
        *_edges(config, grants, names, tags),
        *_closed(config, grants, names, members, tags),
        *_apart(grants, names, members, tags),
    )


def plan_login_tests(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> tuple[LoginTest, ...]:
    """Tests of Tailscale SSH: who may log in, and which machines must not."""
    return tuple(_logins(config, logins, tags))


def _logins(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> Iterator[LoginTest]:
    for login in logins:
        if login.source == "tailnet.owners":
            for owner in sorted(set(config.owners)):
                yield LoginTest(owner, login.dst, ("root",), (), login.source)
        elif login.action == "accept":
            for one in login.src:
                if "@" in one or one.startswith("tag:"):
                    yield LoginTest(one, login.dst, login.users, (), login.source)
    if logins and PRIVILEGED in tags:
        for tag in SUBORDINATE:
            if tag in tags:
                yield LoginTest(tag, (PRIVILEGED,), (), ("root",), "hosts")


def _lifelines(
    config: TailnetConfig, names: Mapping[str, str], members: Mapping[str, Host]
) -> Iterator[PolicyTest]:
    """Owners can reach every host by SSH, so that no policy locks them out."""
    reach = tuple(f"{n}:{members[n].config.ssh.port}" for n in names if n in members)
    if reach:
        for owner in sorted(set(config.owners)):
            yield PolicyTest(owner, reach, (), "tailnet.owners")


def _edges(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """Each way that routes, services, people and the stack's own grants need is open, so that a
    policy that lost one of them is refused.
    """
    people = {
        FAMILY: config.family,
        OWNERS: config.owners,
        "autogroup:member": [*config.owners, *config.family],
        "autogroup:tagged": [t for t, hosts in tags.items() if hosts],
    }
    for grant in grants:
        ports = dict.fromkeys(low for ip in grant.ip if (low := _lowest(ip)))
        accept = tuple(f"{d}:{p}" for d in grant.dst if d in names or tags.get(d) for p in ports)
        sources = dict.fromkeys(one for s in grant.src for one in people.get(s, [s]))
        for one in sources if accept else ():
            if one in names or "@" in one or tags.get(one):
                yield PolicyTest(one, accept, (), grant.source)


def _lowest(ip: str) -> str:
    """The first port of what a grant opens; empty where it opens them all."""
    port = ip.rpartition(":")[2].partition("-")[0]
    return port if port.isdigit() else ""


def _closed(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """Nobody but owners, and who was told to, logs in on a host. `tailnet.grants` tells nobody to:
    a way that it opens by being too wide is what these tests are for.
    """
    told = _document([g for g in grants if g.source.startswith("tailnet.ssh[")], names)
    told["groups"] = {FAMILY: list(config.family), OWNERS: list(config.owners)}
    asked = Grants(told, tags)
    networks = {n for m in members.values() for n in settings(m).subnet_routes}
    for who, source in (("tag:agent", "hosts"), *((m, "tailnet.family") for m in config.family)):
        if who in config.owners:
            continue
        is_tag = who.startswith("tag:")
        if is_tag and who not in tags:
            continue
        deny = tuple(
            f"{place}:{port}"
            for n, h in members.items()
            if not (is_tag and role_tag(h) == who)
            for place in (*((n,) if h.tailnet else ()), *_through_routes(h, networks))
            for port in login_ports(h)
            if not asked.reaches(who, place, port)
        )
        if deny:
            yield PolicyTest(who, (), deny, source)


def _through_routes(host: Host, networks: Iterable[IPv4Network]) -> Iterator[str]:
    """The LAN address of a host that a subnet route also reaches."""
    if host.lan and any(IPv4Address(host.lan) in network for network in networks):
        yield host.lan


def _apart(
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """A machine can log in on another only if a grant allows it."""
    joined = [n for n in members if n in names]
    # Nobody can let an agent log in elsewhere: what follows from the stack is all it may.
    derived = [g for g in grants if not g.source.startswith("tailnet.grants[")]
    of_all = Grants(_document(grants, names), tags)
    of_agents = Grants(_document(derived, names), tags)
    own = {n: tuple(f"{n}:{p}" for p in login_ports(members[n])) for n in joined}
    doors = [door for n in joined for door in own[n]]
    for one in joined:
        asked = of_agents if members[one].role == "agent" else of_all
        open_to = {*asked.reached(one, doors, ("tcp",)), *own[one]}
        deny = tuple(door for door in doors if door not in open_to)
        if deny:
            yield PolicyTest(one, (), deny, f"hosts.{one}")


def _document(grants: Iterable[Grant], names: Mapping[str, str]) -> Document:
    return {
        "hosts": dict(names),
        "grants": [{"src": [*g.src], "dst": [*g.dst], "ip": [*g.ip]} for g in grants],
    }
