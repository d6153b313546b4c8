"""What the stack that has the tailnet's policy says for one that leaves it to it."""

from __future__ import annotations

import yaml

from homelab.plan import Plan
from homelab.problems import UsageError
from homelab.system.model import Host
from homelab.tailnet.members import OWNERS, host_tags, is_member, settings
from homelab.tailnet.model import TailnetPlan


def part(plan: Plan) -> str:
    """Lines for `homelab:tailnet` of that stack, as YAML.

    Raises UsageError for a stack that has the policy itself, or is in no tailnet.
    """
    tailnet = plan.tailnet
    if tailnet is None or not tailnet.elsewhere:
        raise UsageError(
            "this stack leaves no policy to another; write policy: elsewhere under homelab:tailnet"
        )
    body: dict[str, object] = {
        "machines": {n: _machine(h) for n, h in sorted(plan.hosts.items()) if _is_there(h)},
        "grants": [*_grants(tailnet)],
    }
    if tailnet.nameservers:
        split = [(d, [*servers]) for d, servers in tailnet.split]
        body["dns"] = {"split": dict(split), "search": [*tailnet.search]}
    kept = {key: value for key, value in body.items() if value}
    return (
        "# For the stack that has the tailnet's policy; what it says already is left out there.\n"
        + yaml.safe_dump({"homelab:tailnet": kept}, sort_keys=False, width=100)
    )


def _is_there(host: Host) -> bool:
    return is_member(host) and bool(host.tailnet)


def _machine(host: Host) -> dict[str, object]:
    mine = settings(host)
    tags = [tag.removeprefix("tag:") for tag in host_tags(host)]
    # The first tag approves routes, and that is the one of the host's role.
    tags.sort(key=lambda tag: tag != host.role)
    out: dict[str, object] = {"address": host.tailnet, "tags": tags}
    if mine.subnet_routes:
        out["routes"] = sorted(map(str, mine.subnet_routes))
    if mine.exit_node:
        out["exit_node"] = True
    return out


def _grants(tailnet: TailnetPlan) -> list[dict[str, object]]:
    """Every grant but the owners', with addresses for what is no machine of the tailnet."""
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
    """An end of a grant as another stack may write it: it knows machines, and no LAN of ours."""
    return tailnet.hosts[end] if end.endswith("-lan") and end in tailnet.hosts else end
