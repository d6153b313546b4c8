"""The portal's name on hosts whose apps ask it themselves.

Such a host may ask a resolver that does not know names at home: the resolver's own host does, on
purpose, and so does one that takes what its network offers.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Module, attrs
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`portal.nix`, on each host with a client of the provider."""
    identity, entry = plan.identity, plan.hosts.get(plan.stack.network.entry.host)
    if identity is None or entry is None:
        return
    if any(not r.internal for r in plan.routes_of(identity.provider)):
        return  # only the tunnel leads there, and any resolver knows its name
    apps = {s.name for s in plan.on(host.name)}
    address = entry.lan or entry.tailnet
    if address and any(c.service in apps for c in identity.clients):
        yield Module(
            "portal.nix",
            "Where apps on this host find the sign-in, whichever resolver is asked",
            derived=attrs("networking.hosts", {address: [identity.portal]}),
        )
