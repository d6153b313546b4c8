"""Checks of Tailscale SSH rules."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.tailnet import ExtraGrant, SshRule
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.tailnet.assertions import PRIVILEGED, SUBORDINATE

_MACHINES = ("*", "autogroup:tagged")


@check("ssh-direction")
def ssh_direction(plan: Plan) -> Iterator[Problem]:
    """An agent or appliance must not log in by Tailscale SSH on a host that holds the data."""
    tailnet = plan.tailnet
    if tailnet is None or plan.stack.tailnet is None:
        return

    machines = plan.stack.tailnet.machines

    def roles(tag: str) -> set[str]:
        # A machine of another stack has the tag of its role beside others.
        named = tailnet.tags.get(tag, ())
        elsewhere = {f"tag:{t}" for h in named if h in machines for t in machines[h].tags}
        return {tag, *(f"tag:{plan.hosts[h].role}" for h in named if h in plan.hosts), *elsewhere}

    for i, rule in enumerate(plan.stack.tailnet.ssh):
        where = f"tailnet.ssh[{i}]"
        low = [s for s in rule.src if s in _MACHINES or not roles(s).isdisjoint(SUBORDINATE)]
        high = [d for d in rule.dst if PRIVILEGED in roles(d)]
        if low and high:
            yield Problem(
                f"{where}.src",
                f"{', '.join(low)} would log in on {', '.join(high)}, where the data is",
                f"list only people or {PRIVILEGED} there",
            )
        for side, ends in sides(rule):
            for j, end in enumerate(ends):
                if end in plan.hosts:
                    yield Problem(
                        f"{where}.{side}[{j}]",
                        f"Tailscale SSH rules take tags and people, and {end} is a host",
                        f"write tag:{plan.hosts[end].role}, or another tag of the host",
                    )
        for j, tag in enumerate(rule.dst):
            named = tailnet.tags.get(tag, ())
            hosts = [plan.hosts[h] for h in named if h in plan.hosts]
            # Of a machine elsewhere nobody here knows whether it has Tailscale SSH on.
            on = any(h.config.tailscale and h.config.tailscale.ssh for h in hosts)
            if hosts and len(hosts) == len(named) and not on:
                yield Problem(
                    f"{where}.dst[{j}]",
                    f"no host with {tag} has Tailscale SSH on",
                    f"write {hosts[0].source}.tailscale.ssh: true, or drop the rule",
                )


def sides(rule: ExtraGrant | SshRule) -> tuple[tuple[str, list[str]], ...]:
    """Both ends of a grant or rule, with their field names."""
    return ("src", rule.src), ("dst", rule.dst)
