"""The tailnet's policy as the text that Tailscale takes."""

from __future__ import annotations

import json
from typing import TypeAlias

from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.plan import DEPLOYER

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Document: TypeAlias = dict[str, Json]

ADMINS = "autogroup:admin"


def policy_json(plan: TailnetPlan) -> str:
    """The policy, the same bytes for the same plan: Tailscale's provider compares key order too."""
    return json.dumps(policy(plan), indent=2, ensure_ascii=False) + "\n"


def policy(plan: TailnetPlan) -> Document:
    """The policy as data. There is no `ssh` section: hosts run OpenSSH, with keys."""
    tags = sorted({DEPLOYER, *plan.tags})
    document: Document = {
        "groups": {g: list(plan.groups[g]) for g in sorted(plan.groups)},
        "tagOwners": {t: [ADMINS] if t == DEPLOYER else [ADMINS, DEPLOYER] for t in tags},
        "hosts": {n: plan.hosts[n] for n in sorted(plan.hosts)},
        "grants": [{"src": list(g.src), "dst": list(g.dst), "ip": list(g.ip)} for g in plan.grants],
        "autoApprovers": {
            "routes": {r: list(plan.routes[r]) for r in sorted(plan.routes)},
            "exitNode": list(plan.exit_nodes),
        },
        "tests": [_test(t.src, t.accept, t.deny) for t in plan.tests],
    }
    return document


def _test(src: str, accept: tuple[str, ...], deny: tuple[str, ...]) -> Document:
    test: Document = {"src": src}
    if accept:
        test["accept"] = list(accept)
    if deny:
        test["deny"] = list(deny)
    return test
