"""Checks of the tailnet policy: lockout, unknown names and DNS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_network

from homelab.check import check
from homelab.config.tailnet import TailnetConfig
from homelab.network.between import path_between
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.tailnet.assertions import STATED
from homelab.tailnet.evaluate import Grants, failed_tests
from homelab.tailnet.members import DEPLOYER, is_member
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy
from homelab.tailnet.ssh_checks import sides
from homelab.tailnet.width_checks import unused_tags

_LOGIN = re.compile(r"[^@\s]+@[^@\s]+")
_AUTOGROUPS = ("autogroup:admin", "autogroup:internet", "autogroup:member", "autogroup:tagged")


@check("acl-lockout")
def acl_lockout(plan: Plan) -> Iterator[Problem]:
    """Tailscale refuses a policy that fails its own tests, or the owners lose SSH access."""
    tailnet = plan.tailnet
    if tailnet is None:
        return
    made = replace(
        tailnet, tests=tuple(t for t in tailnet.tests if not t.source.startswith(STATED))
    )
    for sentence in failed_tests(policy(made), tailnet.tags):
        yield Problem(
            _opening(made, sentence),
            f"the policy fails a test that it contains: {sentence}",
            "remove the grant that opens it, or narrow it: ip: [tcp:…]",
        )
    grants = Grants.of(tailnet)
    for owner in plan.stack.tailnet.owners if plan.stack.tailnet else ():
        shut = [
            name
            for name, host in plan.hosts.items()
            if name in tailnet.hosts and not grants.reaches(owner, name, host.config.ssh.port)
        ]
        if shut:
            yield Problem(
                "tailnet.owners",
                f"{owner} could not log in on {', '.join(shut)} any more",
                "owners reach everything; keep their grant",
            )


def _opening(tailnet: TailnetPlan, sentence: str) -> str:
    """Place of the grant that makes a test fail; of all grants when it is not a single one."""
    for grant in tailnet.grants:
        if not grant.source.startswith("tailnet.grants["):
            continue
        others = replace(tailnet, grants=tuple(g for g in tailnet.grants if g is not grant))
        if sentence not in failed_tests(policy(others), tailnet.tags):
            return grant.source
    return "tailnet.grants"


@check("acl-tag-known")
def acl_tag_known(plan: Plan) -> Iterator[Problem]:
    """A grant for an unknown tag, group or host opens nothing."""
    tailnet = plan.tailnet
    if tailnet is None or plan.stack.tailnet is None:
        return
    known = sorted({*tailnet.tags, *tailnet.groups, *tailnet.hosts, *_AUTOGROUPS, "*"})
    for where, end in _ends(plan.stack.tailnet):
        if end in plan.hosts and end not in tailnet.hosts:
            yield Problem(
                where,
                f"{end} has no tailnet address yet",
                f"let it join, then write hosts.{end}.address.tailnet",
                cause=plan.hosts[end].address_at("tailnet"),
            )
        elif end not in known and not _LOGIN.fullmatch(end) and not _is_network(end):
            yield Problem(
                where,
                f'there is no host, tag or group "{end}"',
                did_you_mean(end, known, "names"),
                # A tag may come from several hosts; any other name is one host.
                cause="" if ":" in end else f"hosts.{end}",
            )
    for where, tag, close in unused_tags(plan):
        if close:
            yield Problem(
                where,
                f"no grant, no SSH rule and no attribute names tag:{tag}, so it opens nothing",
                f'did you mean "{close}"? Or name it as src or dst in tailnet.grants, or drop it',
            )
    for name in tailnet.tags.get(DEPLOYER, ()):
        if name not in plan.hosts:
            continue  # reported by machine-elsewhere
        yield Problem(
            f"hosts.{name}.tailscale.tags",
            f"{DEPLOYER} is reserved for the deployer: it owns all other tags",
            "give the host another tag",
        )


def _ends(config: TailnetConfig) -> Iterator[tuple[str, str]]:
    """(place, name) of every name in grants, SSH rules, tests and attributes of the stack."""
    lists = [
        *((f"grants[{i}].{s}", e) for i, g in enumerate(config.grants) for s, e in sides(g)),
        *((f"ssh[{i}].{s}", e) for i, r in enumerate(config.ssh) for s, e in sides(r)),
        *((f"node_attributes[{i}].target", a.target) for i, a in enumerate(config.node_attributes)),
    ]
    for where, ends in lists:
        for j, end in enumerate(ends):
            yield f"tailnet.{where}[{j}]", end
    for i, test in enumerate(config.tests):
        yield f"{STATED}{i}].src", test.src
        for side, tested in (("accept", test.accept), ("deny", test.deny)):
            for j, end in enumerate(tested):
                yield f"{STATED}{i}].{side}[{j}]", end.rpartition(":")[0]


@check("machine-elsewhere")
def machine_elsewhere(plan: Plan) -> Iterator[Problem]:
    """A machine outside the stack must not share the name or address of a host."""
    config = plan.stack.tailnet
    addresses = {h.tailnet: n for n, h in plan.hosts.items() if h.tailnet}
    for name, machine in config.machines.items() if config else ():
        taken = name if name in plan.hosts else addresses.get(str(machine.address))
        if taken is not None:
            yield Problem(
                f"tailnet.machines.{name}",
                f"{taken} is a host of this stack, so the policy already contains it",
                "remove it here, or remove the host from the stack",
            )
        if DEPLOYER.removeprefix("tag:") in machine.tags:
            yield Problem(
                f"tailnet.machines.{name}.tags",
                f"{DEPLOYER} is reserved for the deployer: it owns all other tags",
                "give the machine another tag",
            )


@check("device-unique")
def device_unique(plan: Plan) -> Iterator[Problem]:
    """Two hosts with one device id overwrite each other's tags and routes."""
    seen: dict[str, str] = {}
    for device in plan.tailnet.devices if plan.tailnet else ():
        first = seen.setdefault(device.id, device.host)
        if first != device.host:
            yield Problem(
                f"hosts.{device.host}.tailscale.device",
                f"{device.id} is already the device of {first}",
                "write this host's own id: `homelab status` lists every device and its id",
            )


@check("acl-route-covered")
def acl_route_covered(plan: Plan) -> Iterator[Problem]:
    """The proxy cannot reach an app on another host without a grant."""
    tailnet = plan.tailnet
    if tailnet is None:
        return
    entry, grants = plan.stack.network.entry.host, Grants.of(tailnet)
    for route in plan.routes:
        found = path_between(plan.stack, entry, route.host) if route.remote else None
        if found is None or found.network != "tailnet":
            continue  # over the LAN, only the firewall decides
        joined = entry in tailnet.hosts and route.host in tailnet.hosts
        if joined and not grants.reaches(entry, route.host, route.port):
            yield Problem(
                route.source,
                f"the policy does not let {entry} reach {route.host}:{route.port}",
                "add a grant from the entry host to it",
            )


@check("subnet-covers-entry")
def subnet_covers_entry(plan: Plan) -> Iterator[Problem]:
    """Outside the LAN, internal names work only through a subnet route to the entry host."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if plan.tailnet is None or entry is None or not entry.lan or not plan.dns.names:
        return
    networks = [
        network
        for host in plan.hosts.values()
        if is_member(host) and host.config.tailscale is not None
        for network in host.config.tailscale.subnet_routes
    ]
    if not any(IPv4Address(entry.lan) in network for network in networks):
        lan = plan.stack.network.lan.cidr
        yield Problem(
            f"hosts.{entry.name}.tailscale.subnet_routes",
            f"no host routes the tailnet to {entry.lan} ({entry.name}), "
            "the address of all internal names",
            f"add {lan} to the subnet_routes of {entry.name}",
            cause="" if is_member(entry) else f"{entry.source}.tailscale",
        )


@check("dns-push-target")
def dns_push_target(plan: Plan) -> Iterator[Problem]:
    """Devices on the tailnet use the home resolver, so it must be in the tailnet."""
    host = plan.hosts.get(plan.dns.host)
    if plan.tailnet is None or host is None:
        return
    # host-runs-services reports a host that is home-manager only.
    if host.is_nixos and host.config.state == "planned":
        yield Problem(
            "network.dns.host",
            f"{host.name} is planned, so it is not in the tailnet yet, and devices there cannot "
            "use its resolver",
            f"name another host; or write {host.source}.state: live",
        )
    elif host.is_nixos and not is_member(host):
        yield Problem(
            "network.dns.host",
            f"{host.name} is not in the tailnet, so devices there cannot use its resolver",
            f"drop hosts.{host.name}.tailscale: null, or name another host",
            cause=f"{host.source}.tailscale",
        )
    others = {a: h.name for h in plan.hosts.values() for a in (h.lan, h.tailnet) if a}
    for domain, servers in plan.tailnet.split:
        for address in servers:
            if others.get(address, host.name) != host.name:
                yield Problem(
                    f"tailnet.dns.split.{domain}",
                    f"the tailnet would query {address} ({others[address]}), which has no resolver",
                    f"name {host.tailnet or host.lan} ({host.name}), or one outside the stack",
                )
    taken = {plan.stack.site.domain, *(d.domain for d in plan.stack.site.legacy_domains)}
    for domain in sorted(taken & {*(plan.stack.tailnet.dns.split if plan.stack.tailnet else ())}):
        yield Problem(
            f"tailnet.dns.split.{domain}",
            f"the tailnet already uses {host.name} for {domain}",
            "drop it",
        )


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
