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
"""Tag of the hosts with the data."""
STATED = "tailnet.tests["
"""How the places of tests of the stack config begin."""
SUBORDINATE = ("tag:agent", "tag:appliance")
"""Tags of machines that must never log in on those hosts."""


def plan_tests(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> tuple[PolicyTest, ...]:
    """Tests of the owners' access, of each needed connection, and of what must be closed; then the
    tests of the stack config.
    """
    return (
        *_lifelines(config, names, members),
        *_edges(config, grants, names, tags),
        *_closed(config, grants, names, members, tags),
        *_apart(grants, names, members, tags),
        *_stated(config),
    )


def _stated(config: TailnetConfig) -> Iterator[PolicyTest]:
    for i, test in enumerate(config.tests):
        place = f"{STATED}{i}]"
        yield PolicyTest(test.src, tuple(test.accept), tuple(test.deny), place, test.proto or "")


def plan_login_tests(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> tuple[LoginTest, ...]:
    """Tests of Tailscale SSH: the logins that rules allow, and those of machines that must fail."""
    return tuple(_logins(config, logins, tags))


def _logins(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> Iterator[LoginTest]:
    for login in logins:
        if login.source == "tailnet.owners":
            for owner in sorted(set(config.owners)):
                yield LoginTest(owner, login.dst, ("root",), (), login.source)
        elif login.action == "accept":
            for source in login.src:
                if "@" in source or source.startswith("tag:"):
                    yield LoginTest(source, login.dst, login.users, (), login.source)
    if logins and PRIVILEGED in tags:
        for tag in SUBORDINATE:
            if tag in tags:
                yield LoginTest(tag, (PRIVILEGED,), (), ("root",), "hosts")


def _lifelines(
    config: TailnetConfig, names: Mapping[str, str], members: Mapping[str, Host]
) -> Iterator[PolicyTest]:
    """Owners can reach every host by SSH, so that no policy locks them out."""
    ssh_ports = tuple(f"{n}:{members[n].config.ssh.port}" for n in names if n in members)
    if ssh_ports:
        for owner in sorted(set(config.owners)):
            yield PolicyTest(owner, ssh_ports, (), "tailnet.owners")


def _edges(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """Each connection that routes, services, people and the stack's grants need is open, so that
    Tailscale refuses a policy without one of them.
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
        sources = dict.fromkeys(member for s in grant.src for member in people.get(s, [s]))
        for source in sources if accept else ():
            if source in names or "@" in source or tags.get(source):
                yield PolicyTest(source, accept, (), grant.source)


def _lowest(ip: str) -> str:
    """The lowest port of a grant; empty when it opens all ports."""
    port = ip.rpartition(":")[2].partition("-")[0]
    return port if port.isdigit() else ""


def _closed(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """Agents and family members cannot reach the SSH port of a host, unless `tailnet.ssh` allows
    it. `tailnet.grants` is no exception: these tests fail for a grant that is too wide.
    """
    document = _document([g for g in grants if g.source.startswith("tailnet.ssh[")], names)
    document["groups"] = {FAMILY: list(config.family), OWNERS: list(config.owners)}
    ssh_grants = Grants(document, tags)
    networks = {n for m in members.values() for n in settings(m).subnet_routes}
    sources = (("tag:agent", "hosts"), *((m, "tailnet.family") for m in config.family))
    for src, place in sources:
        if src in config.owners:
            continue
        is_tag = src.startswith("tag:")
        if is_tag and src not in tags:
            continue
        deny = tuple(
            f"{target}:{port}"
            for n, h in members.items()
            if not (is_tag and role_tag(h) == src)
            for target in (*((n,) if h.tailnet else ()), *_through_routes(h, networks))
            for port in login_ports(h)
            if not ssh_grants.reaches(src, target, port)
        )
        if deny:
            yield PolicyTest(src, (), deny, place)


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
    """A machine can reach the SSH port of another one only if a grant allows it."""
    joined = [n for n in members if n in names]
    # tailnet.grants cannot let an agent log in elsewhere: only derived grants count for it.
    derived = [g for g in grants if not g.source.startswith("tailnet.grants[")]
    all_grants = Grants(_document(grants, names), tags)
    agent_grants = Grants(_document(derived, names), tags)
    own_ports = {n: tuple(f"{n}:{p}" for p in login_ports(members[n])) for n in joined}
    ssh_ports = [port for n in joined for port in own_ports[n]]
    position = {port: i for i, port in enumerate(ssh_ports)}
    for name in joined:
        applicable = agent_grants if members[name].role == "agent" else all_grants
        reachable = {*applicable.reached(name, ssh_ports, ("tcp",)), *own_ports[name]}
        # Copied in slices between the few reachable ports: there is an entry per pair of hosts.
        rest: list[str] = []
        begin = 0
        for i in sorted(position[port] for port in reachable):
            rest += ssh_ports[begin:i]
            begin = i + 1
        deny = (*rest, *ssh_ports[begin:])
        if deny:
            yield PolicyTest(name, (), deny, f"hosts.{name}")


def _document(grants: Iterable[Grant], names: Mapping[str, str]) -> Document:
    return {
        "hosts": dict(names),
        "grants": [{"src": [*g.src], "dst": [*g.dst], "ip": [*g.ip]} for g in grants],
    }
