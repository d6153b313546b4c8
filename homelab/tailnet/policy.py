"""The text of the tailnet policy."""

from __future__ import annotations

import json

from homelab.tailnet.drift import signed
from homelab.tailnet.hujson import Document, Json
from homelab.tailnet.members import DEPLOYER
from homelab.tailnet.model import TailnetPlan

ADMINS = "autogroup:admin"


def policy_text(plan: TailnetPlan) -> str:
    """The policy as text, deterministic: the Tailscale provider also compares the order."""
    body = json.dumps(policy(plan), indent=2, ensure_ascii=False) + "\n"
    return signed(body, plan.adopt, plan.stack)


def policy(plan: TailnetPlan) -> Document:
    """The policy as data. It has rules for Tailscale SSH only if a host has it on."""
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
    }
    if plan.attributes:
        document["nodeAttrs"] = [{"target": [*t], "attr": [*a]} for t, a in plan.attributes]
    if plan.logins:
        document["ssh"] = [
            {"action": i.action, "src": [*i.src], "dst": [*i.dst], "users": [*i.users]}
            for i in plan.logins
        ]
    document["tests"] = [
        {**_test(t.src, accept=t.accept, deny=t.deny), **({"proto": t.proto} if t.proto else {})}
        for t in plan.tests
    ]
    if plan.login_tests:
        document["sshTests"] = [
            _test(t.src, dst=t.dst, accept=t.accept, deny=t.deny) for t in plan.login_tests
        ]
    return document


def _test(src: str, **ends: tuple[str, ...]) -> Document:
    lists: dict[str, Json] = {name: list(end) for name, end in ends.items() if end}
    return {"src": src, **lists}
