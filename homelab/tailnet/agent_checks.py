"""Checks of agents: hosts in quarantine, on which nothing else of the homelab relies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from homelab.check import check
from homelab.config.hosts import Role
from homelab.network.model import PortUse
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.secrets.model import Secret
from homelab.system.model import Host
from homelab.system.nixpkgs import builds_for
from homelab.tailnet.members import role_tag, settings

_SECTIONS = ("cloudflare.tunnel", "identity", "network.dns", "network.entry")
"""Sections that place a service, so that its page needs no message of its own."""
_OWN_PORTS = ("ssh", "tailscale", "avahi")
"""Owners of ports that every host may open: logins of the owner, and the tailnet itself."""


@check("agent-posture")
def agent_posture(plan: Plan) -> Iterator[Problem]:
    """An agent runs untrusted programs, so no other host relies on it: it serves no route and no
    port, resolves no names, holds no replica, forwards nothing and builds for nobody.
    """
    for host in plan.hosts.values():
        if host.role != "agent":
            continue
        others = [h.name for h in plan.hosts.values() if h.may_serve]
        way_out = f"agents are in quarantine: place it on another host ({', '.join(others)})"
        settings = host.config.tailscale
        if settings is not None and (settings.exit_node or settings.subnet_routes):
            yield Problem(
                f"{host.source}.tailscale",
                f"the agent {host.name} would forward traffic",
                "agents are in quarantine: leave exit_node and subnet_routes out",
            )
        for client in builds_for(plan, host):
            yield Problem(
                f"{client.source}.build.host",
                f"the agent {host.name} would build the system that {client.name} runs as root",
                f"leave host out and let it build for itself, or name one of: {', '.join(others)}",
            )
        builder = host.config.build.host
        if builder is not None:
            yield Problem(
                f"{host.source}.build.host",
                f"the agent {host.name} would log in on {builder}, as a user that Nix trusts",
                "leave host out and let it build for itself",
            )
        for place, what in _duties(plan, host):
            yield Problem(place, what, way_out)
        yield from _role_tags(host)
        placed = {s.name for s in plan.on(host.name) if s.source in _SECTIONS}
        for route in plan.routes:
            if route.host == host.name and route.service not in placed:
                what = f"the app of the route {route.name} is on the agent {host.name}"
                yield Problem(route.source, what, way_out)
        for secret in plan.secrets.on(host.name):
            if names_github(secret):
                what = f"the agent {host.name} would have a GitHub credential ({secret.name})"
                yield Problem(secret.origin, what, way_out)
        persisted = host.config.persistence
        for i, path in enumerate(persisted.directories if persisted else ()):
            if path.rstrip("/") in ("/etc/ssh", "/etc", ""):
                yield Problem(
                    f"{host.source}.persistence.directories[{i}]",
                    f"{path} would persist files that a program adds there, even SSH keys",
                    "leave it out: the host's own keys are always persisted",
                )


def _duties(plan: Plan, host: Host) -> Iterator[tuple[str, str]]:
    """(place, sentence) of everything on the agent that others would use."""
    stack = plan.stack
    tunnel = stack.cloudflare.tunnel if stack.cloudflare else None
    placed = (
        ("network.entry.host", stack.network.entry.host, "the reverse proxy"),
        ("network.dns.host", stack.network.dns.host, "the resolver of all devices"),
        ("identity.host", stack.identity.host if stack.identity else None, "the sign-in"),
        ("cloudflare.tunnel.host", tunnel.host if tunnel else None, "the end of the tunnel"),
    )
    for where, name, what in placed:
        if name == host.name:
            yield where, f"{what} would be on the agent {host.name}"
    here = tuple(w.removesuffix(".host") for w, name, _ in placed if name == host.name)
    for replica in plan.replicas:
        if replica.host == host.name:
            name = replica.dataset.name
            yield f"{replica.source}.to", f"all files of {name} would be on the agent {host.name}"
    served = {r.service for r in plan.routes if r.host == host.name}
    for use in plan.firewall.on(host.name):
        if use.owner in (*_OWN_PORTS, *served) or use.source.startswith(here):
            continue
        if not _measures(plan, use):
            what = f"{use.port}/{use.protocol} for {use.owner}: {use.why}"
            yield use.source, f"the agent {host.name} would open {what}"


def _measures(plan: Plan, use: PortUse) -> bool:
    """Whether the port is that of a service that only measures its own host, as an exporter or the
    agent of Beszel does: nothing but its numbers relies on it.
    """
    return any(
        s.entry.provides == "metrics"
        or (s.entry.hardening.mounts and bool(s.entry.stateless) and not s.entry.page)
        for s in plan.on(use.host)
        if s.name == use.owner
    )


def _role_tags(host: Host) -> Iterator[Problem]:
    """The tag of another role: tailnet.grants open ports to it, and it may announce routes."""
    others = {f"tag:{role}" for role in get_args(Role)} - {role_tag(host)}
    for i, tag in enumerate(settings(host).tags):
        if f"tag:{tag}" in others:
            yield Problem(
                f"{host.source}.tailscale.tags[{i}]",
                f"the tailnet would take the agent {host.name} for a host of the role {tag}",
                f"leave {tag} out",
            )


@check("agent-gpu", severity="warning")
def agent_gpu(plan: Plan) -> Iterator[Problem]:
    """Untrusted programs on an agent would reach the driver of its GPU, a part of the kernel."""
    for host in plan.hosts.values():
        if host.role == "agent" and host.config.gpu is not None:
            others = [h.name for h in plan.hosts.values() if h.may_serve and h.config.gpu]
            yield Problem(
                f"{host.source}.gpu",
                f"the programs on the agent {host.name} would reach the driver of its GPU",
                "leave gpu out"
                + (f", and let them call a service on {', '.join(others)}" if others else "")
                + ", or disable agent-gpu in homelab:policy with your reason",
            )


_GITHUB = re.compile(r"(?i)(^|[^a-z])(git-?hub|gh)([^a-z]|$)")


def names_github(secret: Secret) -> bool:
    """Whether the name, key or variable of a secret from elsewhere mentions GitHub."""
    words = (secret.name, secret.key, *(variable for variable, _ in secret.env))
    return not secret.is_sent and any(_GITHUB.search(w) for w in words)
