"""Checks that nothing relies on offline hosts or on home-manager hosts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem


@check("always-on-needed")
def always_on_needed(plan: Plan) -> Iterator[Problem]:
    """DNS, the proxy, the sign-in, the tunnel and monitoring must run on a host that is always on,
    because every device uses them at any time.
    """
    needed: dict[str, list[str]] = {}
    for host, place in _asked(plan):
        known = plan.hosts.get(host)
        if known is not None and not known.always_on and place not in needed.get(host, ()):
            needed.setdefault(host, []).append(place)
    awake = ", ".join(h.name for h in plan.hosts.values() if h.may_serve and h.always_on)
    for host, places in sorted(needed.items()):
        yield Problem(
            f"hosts.{host}.always_on",
            f"{host} may sleep, and {', '.join(places)} {'need' if len(places) > 1 else 'needs'} "
            "a host that never does",
            "write always_on: true" + (f", or name another host: {awake}" if awake else ""),
        )
    for name, target in sorted(plan.stack.backup.targets.items()):
        known = plan.hosts.get(target.host or "")
        writers = {j.host for j in plan.backup.jobs if j.target == name and j.server}
        if known is not None and not known.always_on and known.name not in needed and writers:
            yield Problem(
                f"backup.targets.{name}.host",
                f"{known.name} may sleep at {plan.stack.backup.at}, when "
                f"{', '.join(sorted(writers))} would write there",
                "choose a host that never sleeps"
                + (f": {awake}" if awake else f", or write {known.source}.always_on: true"),
                severity="warning",
            )


def _asked(plan: Plan) -> Iterator[tuple[str, str]]:
    """(host, place in the stack config) of everything that must always answer."""
    site = plan.stack
    yield site.network.entry.host, "network.entry"
    if site.network.dns.host is not None:
        yield site.network.dns.host, "network.dns"
    if site.identity is not None:
        yield site.identity.host, "identity"
    if site.cloudflare is not None and site.cloudflare.tunnel is not None:
        yield site.cloudflare.tunnel.host, "cloudflare.tunnel"
    if site.monitoring.heartbeat is not None:
        yield site.monitoring.heartbeat.host, "monitoring.heartbeat"
    for service in plan.services:
        if "always_on" in service.entry.needs and service.source.startswith("services."):
            yield service.host, service.source


@check("host-is-ours")
def host_is_ours(plan: Plan) -> Iterator[Problem]:
    """A home-manager host has no system of homelab for a dataset, a name, or a turn to switch."""
    site = plan.stack
    named = [("network.entry.host", site.network.entry.host)]
    if site.network.dns.host is not None:
        named.append(("network.dns.host", site.network.dns.host))
    named += [(f"datasets.{n}.host", d.host) for n, d in site.datasets.items()]
    named += [
        (f"backup.targets.{n}.host", t.host) for n, t in site.backup.targets.items() if t.host
    ]
    if site.deploy.canary is not None:
        named.append(("deploy.canary", site.deploy.canary))
    named += [(f"deploy.last[{i}]", name) for i, name in enumerate(site.deploy.last or ())]
    known = [h.name for h in plan.hosts.values() if h.is_nixos]
    for where, name in named:
        host = plan.hosts.get(name)
        if host is not None and not host.is_nixos:
            yield Problem(
                where,
                f"{name} is home-manager only, and its system is not ours",
                f"choose one of: {', '.join(known)}",
            )
