"""Checks of reachability: unneeded open ports, and public names without a sign-in."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.rest import rest_ports
from homelab.check import check
from homelab.network.model import PortUse
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.reach.origins import INTERNET
from homelab.reach.plan import plan_reach
from homelab.reach.text import path_of
from homelab.services.links import port_of
from homelab.storage.nfs import nfs_ports


@check("firewall-reach", whole=True)
def firewall_reach(plan: Plan) -> Iterator[Problem]:
    """An open port that no route, caller or role needs is an unnecessary risk."""
    called = {(r.host, r.port) for r in plan.routes if r.remote or r.is_direct}
    called |= {
        (used.host, port_of(used, use.port))
        for user in plan.services
        for use in user.uses
        for used in plan.instances(use.name)
        if user.host != used.host
    }
    called |= {(d.host, d.port) for s in plan.services for d in s.databases if d.is_remote}
    called |= {(p.host, p.port) for p in rest_ports(plan.stack, plan.backup)}
    called |= {(p.host, p.port) for p in nfs_ports(plan.stack)}
    for use in plan.firewall.ports:
        if (use.host, use.port) not in called and not _is_role(plan, use):
            yield Problem(
                use.source,
                f"{use.port}/{use.protocol} is open on {use.host} for {use.owner}, "
                "but no route, service or role needs it",
                "close it, or give its service a route",
            )


def _is_role(plan: Plan, use: PortUse) -> bool:
    """Whether the port is open by design: SSH, mDNS, or a port from a catalog entry."""
    host = plan.hosts.get(use.host)
    if host is not None and use.owner == "ssh":
        return use.port == host.config.ssh.port
    if host is not None and use.owner == "avahi":
        return host.config.mdns
    for service in plan.on(use.host):
        fact = service.entry.ports.get(use.label)
        if service.name == use.owner and fact is not None and use.label != "web":
            return fact.scope != "loopback" and fact.port == use.port
        if service.name == use.owner and fact is not None and fact.scope != "loopback":
            return True
    return False


@check("internet-gate")
def internet_gate(plan: Plan) -> Iterator[Problem]:
    """A public name needs a sign-in, or a stated reason for having none."""
    rules = plan.identity.rules if plan.identity else ()
    opened = {r.route for r in rules if r.policy == "bypass"}
    for answer in plan_reach(plan, origins=(INTERNET,)).answers:
        is_ssh = (answer.target.kind, answer.target.service) == ("port", "ssh")
        if not answer.reachable or is_ssh:  # sshd takes keys alone
            continue
        kinds = {g.kind for g in answer.barriers}
        routes = [r for r in plan.routes if r.source == answer.target.source]
        # A tunnel route without Access is reported by tunnel-requires-access.
        if any(r.publish == "tunnel" and not (r.access or r.is_asked_in_tunnel) for r in routes):
            continue
        # A bypass rule is reported by auth-proxy-opened.
        if opened & {r.name for r in routes}:
            continue
        reasons = [r.public_reason for r in routes]
        pages = plan.cloudflare.pages if plan.cloudflare else ()
        reasons += [p.public_reason for p in pages if p.source == answer.target.source]
        if not kinds & {"access", "forward"} and not any(reasons):
            name = answer.target.addresses[-1]
            yield Problem(
                answer.target.source,
                f"anyone on the internet reaches {name} ({path_of(answer)}) without a sign-in",
                "put Access or auth: forward in front of it, or state why it is open: public: …",
            )


def _nearer(plan: Plan, name: str, host: str) -> str:
    """The way out that limits a service to its own host."""
    callers = [s.name for s in plan.services if name in s.asks and s.host != host]
    moved = " and ".join(f"services.{c}.host: {host}" for c in dict.fromkeys(callers))
    return f"write {moved}" if moved else "write scope: loopback for its ports"


@check("exposure-never")
def exposure_never(plan: Plan) -> Iterator[Problem]:
    """A service with `never_publish` must have no name and no open port."""
    never = {
        s.name: s.config.never_publish or s.entry.never_publish
        for s in plan.services
        if s.config.never_publish or s.entry.never_publish
    }
    if not never:
        return
    for route in plan.routes:
        if route.service in never:
            yield Problem(
                route.source,
                f"{route.service} has the name {route.title}, but must never be published "
                f"({never[route.service]})",
                f"write routes: [], or remove services.{route.service}.never_publish",
            )
    named = {r.service for r in plan.routes}
    for answer in plan_reach(plan, services=frozenset(never)).answers:
        target = answer.target
        if target.service in named:
            continue  # its port is open because of its name
        if answer.reachable and target.kind == "port":
            yield Problem(
                target.source,
                f"{answer.origin.name} reaches {target.name} of {target.service}, which must never "
                f"be published ({never[target.service]})",
                _nearer(plan, target.service, target.host),
            )
