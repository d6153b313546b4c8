"""What each host is for, as probes that a switch must not silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.deploy.rules import Probe
from homelab.network.model import LOOPBACK

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.services.model import Service
    from homelab.system.model import Host

HTTPS = 443
_ELSEWHERE = "one.one.one.one"
"""A name that the resolver has to ask others for."""


def probes_of(plan: Plan, host: Host) -> tuple[Probe, ...]:
    """Probes of one host: what carries the household first, then its apps, sorted by name."""
    return tuple(sorted({*_carried(plan, host), *_apps(plan, host)}, key=lambda p: p.name))


def _carried(plan: Plan, host: Host) -> Iterator[Probe]:
    here = {s.name for s in plan.on(host.name)}
    if "tailscale" in here:
        yield Probe("unit", "tailnet", "tailscaled.service")
    if plan.dns.host == host.name:
        yield Probe("dns", "resolver", _ELSEWHERE)
        name = next((n for n, _ in plan.dns.names), "")
        if name:
            yield Probe("dns", "resolver-at-home", name)
    cloud = plan.cloudflare
    if cloud is not None and cloud.tunnel and cloud.tunnel_host == host.name:
        yield Probe("unit", "tunnel", f"cloudflared-tunnel-{cloud.tunnel}.service")
    if plan.site.network.entry.host == host.name:
        # The proxy alone: it answers for a name that nobody has, too.
        route = next((r for r in plan.routes if r.is_web and r.internal), None)
        if route is not None:
            there = f"{route.internal}:{HTTPS}:{LOOPBACK}"
            yield Probe("http", "entry-plane", f"https://{route.internal}/.homelab/probe", there)
        else:
            yield Probe("http", "entry-plane", f"http://{LOOPBACK}/.homelab/probe")


def _apps(plan: Plan, host: Host) -> Iterator[Probe]:
    for service in plan.on(host.name):
        if service.port and service.entry.monitor == "http" and not service.entry.infrastructure:
            yield Probe("http", f"app-{service.name}", _address(plan, host, service))


def _address(plan: Plan, host: Host, service: Service) -> str:
    """The app itself, as its own host finds it."""
    where = (service.is_outside_only and host.tailnet) or service.address
    scheme = next((r.scheme for r in plan.routes_of(service.name)), "http")
    return f"{scheme}://{where}:{service.port}{service.config.monitor.path or service.entry.health}"
