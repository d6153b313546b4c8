"""Names and resolvers of hand-written modules, which the routes do not know."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import NAME_TABLES, OTHER_RESOLVERS
from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, is_set, rule

NAMES = "dns-names"


@rule(*NAME_TABLES, *(f"{table}.**" for table in NAME_TABLES))
def names(setting: Setting, view: View) -> Iterator[Opening]:
    """Names in a module. `dns-single-writer` itself reads the options of the stack config."""
    if not setting.source and is_set(setting.value):
        yield Opening(
            NAMES,
            f"{setting.name} defines DNS names outside the stack",
            "write network.dns.names for a device, and a route for a service",
            acceptable=True,
        )


@rule(*OTHER_RESOLVERS)
def another(setting: Setting, view: View) -> Iterator[Opening]:
    """A second resolver on the resolver's host."""
    dns = view.plan.dns
    if not setting.source and setting.value is True and view.host.name == dns.host:
        yield Opening(
            NAMES,
            f"{setting.name} starts a second resolver on {dns.host}",
            "leave it out; network.dns chooses the resolver",
            acceptable=True,
        )
