"""Checks of jump hosts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.model import RUNNING, Host, nixos_hosts


@check("jump-known")
def jump_known(plan: Plan) -> Iterator[Problem]:
    """A host behind a jump host that is missing, or off, cannot be deployed to."""
    nixos = nixos_hosts(plan.stack.hosts)
    for host in plan.hosts.values():
        name, where = host.config.ssh.jump, f"{host.source}.ssh.jump"
        if name is None:
            continue
        if name not in nixos:
            yield Problem(
                where, f'there is no NixOS host "{name}"', did_you_mean(name, nixos, "hosts")
            )
        elif reason := _unfit(plan.hosts[name], host):
            yield Problem(
                where,
                f"{name} cannot be the jump host of {host.name}: {reason}",
                "name another host, or leave jump out",
            )


def _unfit(jump: Host, host: Host) -> str:
    if jump.name == host.name:
        return "it is the same host"
    if jump.config.ssh.jump is not None:
        return "it is behind a jump host itself"
    if jump.config.ssh.by_homelab:
        return "it has local, proxy_command or key itself"
    if jump.role == "agent":
        return "agents are in quarantine, and it would reach the SSH port of every such host"
    if jump.config.state not in RUNNING:
        return f"it is {jump.config.state}"
    return "" if jump.always_on else "it may be off"
