"""Direct addresses of apps on the tailnet, for clients that cannot pass forward auth."""

from __future__ import annotations

from homelab.plan import Plan


def tailnet_urls(plan: Plan) -> dict[str, str]:
    """Direct URLs by route name, for the routes that have one and whose host has joined."""
    return {
        r.name: f"{r.scheme}://{plan.hosts[r.host].tailnet}:{r.port}"
        for r in plan.routes
        if r.is_direct and plan.hosts[r.host].tailnet
    }
