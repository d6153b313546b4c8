"""Lines for another stack that writes the tailnet policy for this one too."""

from __future__ import annotations

import yaml

from homelab.plan import Plan
from homelab.problems import UsageError
from homelab.system.model import Host
from homelab.tailnet.members import OWNERS, host_tags, is_member, settings
from homelab.tailnet.model import TailnetPlan


def part(plan: Plan) -> str:
    """Lines for `homelab:tailnet` of the other stack, as YAML.

    Raises `UsageError` when this stack writes the policy itself, or has no tailnet.
    """
    tailnet = plan.tailnet
    if tailnet is None or not tailnet.elsewhere:
        raise UsageError(
            "this stack writes the policy itself; to leave it to another stack, write policy: "
            "elsewhere under homelab:tailnet"
        )
    body: dict[str, object] = {
        "machines": {n: _machine(h) for n, h in sorted(plan.hosts.items()) if _has_joined(h)},
        "grants": [*_grants(tailnet)],
    }
    if tailnet.nameservers:
        split = [(d, [*servers]) for d, servers in tailnet.split]
        body["dns"] = {"split": dict(split), "search": [*tailnet.search]}
    settings_to_add = {key: value for key, value in body.items() if value}
    return (
        "# For the stack that writes the tailnet policy. Add what it does not have already.\n"
        + yaml.safe_dump({"homelab:tailnet": settings_to_add}, sort_keys=False, width=100)
    )


def _has_joined(host: Host) -> bool:
    return is_member(host) and bool(host.tailnet)


def _machine(host: Host) -> dict[str, object]:
    config = settings(host)
    tags = [tag.removeprefix("tag:") for tag in host_tags(host)]
    # The first tag approves routes, so the tag of the host's role must be first.
    tags.sort(key=lambda tag: tag != host.role)
    out: dict[str, object] = {"address": host.tailnet, "tags": tags}
    if config.subnet_routes:
        out["routes"] = sorted(map(str, config.subnet_routes))
    if config.exit_node:
        out["exit_node"] = True
    return out


def _grants(tailnet: TailnetPlan) -> list[dict[str, object]]:
    """All grants except that of the owners, with addresses instead of names of LAN addresses."""
    return [
        {
            "src": [_end(tailnet, end) for end in grant.src],
            "dst": [_end(tailnet, end) for end in grant.dst],
            "ip": [*grant.ip],
            "why": grant.source,
        }
        for grant in tailnet.grants
        if grant.src != (OWNERS,)
    ]


def _end(tailnet: TailnetPlan, end: str) -> str:
    """An end of a grant for another stack, which knows the machines but not our LAN names."""
    return tailnet.hosts[end] if end.endswith("-lan") and end in tailnet.hosts else end
