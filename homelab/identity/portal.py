"""The portal's name in `/etc/hosts` of hosts with OIDC clients.

Such a host may use a resolver that does not know internal names: the resolver's own host does, and
so does a host that takes its name servers from the network.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Module, attrs
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`portal.nix`, on each host with a client of a provider that the reverse proxy serves."""
    identity, entry = plan.identity, plan.hosts.get(plan.stack.network.entry.host)
    if identity is None or entry is None:
        return
    if not any(r.internal == identity.portal for r in plan.routes):
        return  # every resolver knows a name on the internet
    address = entry.lan or entry.tailnet
    apps = {s.name for s in plan.on(host.name)}
    asks = any(c.service in apps for c in identity.clients)
    # oauth2-proxy calls an external provider by its name.
    if address and (asks or (identity.external and host.name == identity.host)):
        yield Module(
            "portal.nix",
            "Address of the sign-in portal for apps on this host, independent of its resolver",
            derived=attrs("networking.hosts", {address: [identity.portal]}),
        )
