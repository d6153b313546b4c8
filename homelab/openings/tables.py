"""Tables of the firewall: those of NixOS and of the plan, which no option may switch off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, shown
from homelab.vpn.killswitch import TABLE as KILLSWITCH
from homelab.vpn.namespace import TABLE as NAMESPACES

OFF = "firewall-off"
UNIT = "nftables"
"""The unit that loads the tables."""
_WAY_OUT = "leave it out, and open what you need by routes"


def tables(view: View) -> Mapping[str, str]:
    """The tables that a host relies on, and what each does."""
    found = {"nixos-fw": "closes every port that no route opens"}
    if view.plan.vpn.on(view.host.name, "killswitch"):
        found[KILLSWITCH] = "keeps services off the network without their VPN"
    if view.plan.vpn.on(view.host.name, "namespace"):
        found[NAMESPACES] = "closes the links of services that have only a VPN"
    for service in view.plan.on(view.host.name):
        if service.parts:
            found[f"container-{service.name}"] = f"closes the ports of {service.name}'s containers"
    return found


@rule("networking.nftables.tables.*.**")
def table(setting: Setting, view: View) -> Iterator[Opening]:
    """A table that is off, or whose rules are others. Rules that are added are another matter."""
    name, rest, value = setting.path[3], setting.path[4:], setting.value
    known = tables(view)
    what = "may be one of the firewall" if name == "*" else known.get(name, "")
    # A forced table is reported as a whole.
    forced = setting.forced == len(setting.path)
    off = rest == ("enable",) and value is not True
    other = rest == ("content",) and forced
    narrow = rest == ("family",) and value != "inet"
    if what and (off or other or narrow):
        how = "forced, so the rules of the plan are lost" if other else shown(value)
        yield Opening(
            OFF,
            f"the plan relies on the table {name}, which {what}, and {setting.name} is {how}",
            _WAY_OUT,
        )


@rule(f"systemd.services.{UNIT}.enable", f"systemd.services.{UNIT}.wantedBy")
def unit(setting: Setting, view: View) -> Iterator[Opening]:
    """The unit that loads every table."""
    value = setting.value
    never = setting.path[-1] == "wantedBy" and setting.forced is not None and not value
    if never or (setting.path[-1] == "enable" and value is not True):
        yield Opening(
            OFF,
            f"the plan relies on the firewall, which {UNIT}.service loads, and {setting.name} is "
            f"{shown(value) or 'empty'}",
            "leave it out",
        )
