"""Checks of hosts that get their system from another machine."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.deploy.closures import DEPLOYER
from homelab.deploy.modes import fetches
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host


@check("copy-possible")
def copy_possible(plan: Plan) -> Iterator[Problem]:
    """A system is copied only from a machine that is on, over a connection to its host."""
    for host in plan.hosts.values():
        source = host.config.build.copy_from if host.is_nixos else None
        if source is None or (source != DEPLOYER and source not in plan.hosts):
            continue  # host-known
        where = f"{host.source}.build.copy_from"
        if reason := _unfit(plan, source, host):
            yield Problem(
                where,
                f"{host.name} cannot get its system from {source}: {reason}",
                _way_out(plan, host),
            )
        if fetches(host):
            yield Problem(
                where,
                f"{host.name} fetches its release as a bundle, which has no built system",
                f"leave copy_from out, or write {host.source}.offline: {{wake_by: …}}",
            )


def _unfit(plan: Plan, source: str, host: Host) -> str:
    if source == DEPLOYER:
        if DEPLOYER in plan.hosts:
            return "a host has that name too, so it is not clear which machine is meant"
        return (
            "it runs pulumi up itself, so it builds there anyway" if host.config.ssh.local else ""
        )
    builder = plan.hosts[source]
    if builder is host:
        return "it is the same host"
    if not builder.is_nixos:
        return "it is no NixOS host"
    if builder.role == "agent":
        return f"agents are in quarantine, and {host.name} runs its system as root"
    if builder.config.state != "live":
        return f"it is {builder.config.state}"
    return "" if builder.always_on else "it may be off, and nothing would switch then"


def _way_out(plan: Plan, host: Host) -> str:
    if DEPLOYER in plan.hosts:
        return "rename that host, or leave copy_from out"
    others = [
        h.name for h in plan.hosts.values() if h is not host and not _unfit(plan, h.name, host)
    ]
    named = [*others, *([] if host.config.ssh.local else [DEPLOYER])]
    return f"name one of: {', '.join(named)}; or leave it out" if named else "leave it out"
