"""The probes of each host: what must work after a switch if it worked before."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.deploy.policy import ExternalProbe, Probe
from homelab.network.model import LOOPBACK
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host

HTTPS = 443
_ELSEWHERE = "one.one.one.one"
"""A name that the resolver has to forward."""


def probes_of(plan: Plan, host: Host) -> tuple[Probe, ...]:
    """Probes of one host, sorted by name: tailnet, DNS, tunnel and proxy, its apps, and those of
    the stack config.
    """
    found = {*_carried(plan, host), *_apps(plan, host), *_stated(host)}
    return tuple(sorted(found, key=lambda p: p.name))


def external_probes_of(plan: Plan, host: Host) -> tuple[ExternalProbe, ...]:
    """Probes of this host that the deployer's machine runs over the network, by name."""
    return tuple(sorted({*_names(plan, host), *_resolver(plan, host)}, key=lambda o: o.name))


def _names(plan: Plan, host: Host) -> Iterator[ExternalProbe]:
    """Each app's name at the entry host, and each public name through the tunnel."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    cloud = plan.cloudflare
    carries = {entry.name if entry else "", cloud.tunnel_host if cloud else ""}
    for route in plan.routes:
        if not route.is_web or host.name not in {route.host, *carries}:
            continue
        if route.internal and entry is not None and host.name in (route.host, entry.name):
            for path, address in (("lan", entry.lan), ("tailnet", entry.tailnet)):
                if address:
                    yield ExternalProbe("web", f"{route.name} over {path}", address, route.internal)
        if route.public and cloud and host.name in (route.host, cloud.tunnel_host):
            yield ExternalProbe("web", f"{route.name} from the internet", "", route.public)


def _resolver(plan: Plan, host: Host) -> Iterator[ExternalProbe]:
    name = next((n for n, _ in plan.dns.names), "")
    if plan.dns.host == host.name and name:
        for path, address in (("lan", host.lan), ("tailnet", host.tailnet)):
            if address:
                yield ExternalProbe("dns", f"names over {path}", address, name)


def _carried(plan: Plan, host: Host) -> Iterator[Probe]:
    here = {s.name for s in plan.on(host.name)}
    if "tailscale" in here:
        yield Probe("tailnet", "tailnet", "tailscaled.service")
    if plan.dns.host == host.name:
        yield Probe("dns", "resolver", _ELSEWHERE)
        name = next((n for n, _ in plan.dns.names), "")
        if name:
            yield Probe("dns", "resolver-at-home", name)
    cloud = plan.cloudflare
    if cloud is not None and cloud.tunnel and cloud.tunnel_host == host.name:
        yield Probe("tunnel", "tunnel", f"cloudflared-tunnel-{cloud.tunnel}.service")
    if plan.stack.network.entry.host == host.name and plan.stack.network.entry.proxy in here:
        # Tests the proxy alone; it also answers for a name that no route has.
        route = next((r for r in plan.routes if r.is_web and r.internal), None)
        if route is not None:
            there = f"{route.internal}:{HTTPS}:{LOOPBACK}"
            yield Probe("http", "reverse-proxy", f"https://{route.internal}/.homelab/probe", there)
        else:
            yield Probe("http", "reverse-proxy", f"http://{LOOPBACK}/.homelab/probe")


def _stated(host: Host) -> Iterator[Probe]:
    stated = host.config.probes
    # What a host was for ends with it.
    if stated is not None and host.config.state != "retired":
        yield from (Probe("unit", unit, unit) for unit in stated.units)
        yield from (Probe("http", url, url) for url in stated.urls)


def _apps(plan: Plan, host: Host) -> Iterator[Probe]:
    for name, url in apps_probed(plan, host).items():
        yield Probe("http", f"app-{name}", url)


def apps_probed(plan: Plan, host: Host) -> dict[str, str]:
    """The apps of a host that have an HTTP probe, with the URL that it asks."""
    return {
        service.name: app_url(plan, service)
        for service in plan.on(host.name)
        if service.port and service.entry.monitor == "http" and not service.entry.infrastructure
    }


def app_url(plan: Plan, service: Service) -> str:
    """The URL of the app on its own host."""
    external = next(iter(service.called_at), "") if service.is_outside_only else ""
    where = external or service.address
    # Another route may lead to another port.
    route = next((r for r in plan.routes_of(service.name) if r.port == service.port), None)
    scheme = route.scheme if route is not None else "http"
    return f"{scheme}://{where}:{service.port}{service.config.monitor.path or service.entry.health}"
