"""Addresses past the proxy, for clients that pass no gate."""

from __future__ import annotations

from homelab.plan import Plan


def tailnet_urls(plan: Plan) -> dict[str, str]:
    """By route, where the tailnet's devices ask the app itself, once its host has joined."""
    return {
        r.name: f"{r.scheme}://{plan.hosts[r.host].tailnet}:{r.port}"
        for r in plan.routes
        if r.is_direct and plan.hosts[r.host].tailnet
    }
