"""Options that open ports: those of the firewall, and those of modules that open it themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.network.model import TAILNET
from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import Opening, View, is_computed, is_false, is_set, is_true, rule, when

PORT = "open-port"
_ROUTE = "drop the option and give the service a route, or ports: with why:"


@rule(
    "networking.firewall.allowedTCPPorts",
    "networking.firewall.allowedUDPPorts",
    "networking.firewall.allowedTCPPortRanges",
    "networking.firewall.allowedUDPPortRanges",
    "networking.firewall.interfaces.*.allowedTCPPorts",
    "networking.firewall.interfaces.*.allowedUDPPorts",
    "networking.firewall.interfaces.*.allowedTCPPortRanges",
    "networking.firewall.interfaces.*.allowedUDPPortRanges",
)
def ports(setting: Setting, view: View) -> Iterator[Opening]:
    """Opened ports that are not in the plan."""
    protocol = "udp" if "UDP" in setting.path[-1] else "tcp"
    interface = setting.path[3] if setting.path[2] == "interfaces" else ""
    if interface == "lo":
        return
    value = setting.value
    items = value if isinstance(value, tuple) else (value,) if is_set(value) else ()
    more = [_port(i) for i in items if not _planned(i, protocol, interface, view)]
    if more:
        where = f"on {interface}" if interface else "to every network"
        ports = f"{', '.join(more)}/{protocol}"
        yield Opening(
            PORT,
            f"ports are opened by routes, and {setting.name} opens {ports} {where}, which the plan "
            "does not open",
            _ROUTE,
        )


def _planned(item: Value, protocol: str, interface: str, view: View) -> bool:
    scopes = {TAILNET: ("tailnet", "lan"), view.host.config.interface: ("link",)}
    wide = scopes.get(interface, ()) if interface else ()
    return any(
        (use.port, use.protocol) == (item, protocol) and use.scope in wide
        for use in view.plan.firewall.on(view.host.name)
    )


def _port(item: Value) -> str:
    if isinstance(item, int | str):
        return str(item)
    if isinstance(item, Computed):
        return "computed ports"
    if not isinstance(item, Mapping):
        return "more"
    ends = (item.get("from"), item.get("to"))
    return "-".join(str(e) if isinstance(e, int) else "?" for e in ends)


when(
    is_true,
    *("**.openFirewall", "**.openFirewallPorts", "**.openPorts", "**.openDefaultPorts"),
    *("**.openPeerPorts", "**.openRPCPort", "**.openMulticastPort", "**.openTelnet"),
    *("**.openBroadcast", "**.openInternalFirewall"),
    word=PORT,
    what="ports are opened by routes, and {option} opens some that are not in the plan",
    way_out=_ROUTE,
)
when(
    is_false,
    "networking.firewall.enable",
    word="firewall-off",
    what="the plan relies on the firewall, and {option} is false",
    way_out="leave it out, and open what you need by routes",
)
when(
    is_false,
    "networking.nftables.enable",
    word="firewall-off",
    what="the firewall of homelab needs nftables, and {option} is false: its rules would be lost",
    way_out="leave it out",
)
when(
    is_computed,
    *("networking.firewall.enable", "networking.nftables.enable"),
    word="firewall-off",
    what="{option} is computed, so it is not known whether the firewall runs",
    way_out="leave it out, or write the value",
)
when(
    is_computed,
    *("**.openFirewall", "**.openFirewallPorts", "**.openPorts", "**.openDefaultPorts"),
    word=PORT,
    what="{option} is computed, so it is not known whether it opens ports",
    way_out="write the value, or drop it and give the service a route",
)
when(
    is_computed,
    *("networking", "services", "networking.firewall"),
    word="firewall-off",
    what="{option} is computed as a whole, so it is not known what it opens",
    way_out="write its options out, or drop them and give the service a route",
)
when(
    is_set,
    *("networking.firewall.trustedInterfaces", "networking.firewall.interfaces.*.trusted"),
    word=PORT,
    what="{option} opens every port to {value}",
    way_out="drop it; the plan opens what routes and services need there",
)
when(
    is_set,
    *("networking.firewall.extraCommands", "networking.firewall.extraInputRules"),
    *("networking.firewall.extraForwardRules", "networking.nftables.ruleset"),
    "networking.nftables.rulesetFile",
    word="firewall-rules",
    what="ports are opened by routes, and {option} writes rules that are not in the plan",
    way_out=_ROUTE,
)
when(
    is_set,
    "networking.nftables.tables.*.content",
    word="nftables-table",
    what="{option} is a table of its own beside the firewall, and can let packets bypass it",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    *("networking.nat.forwardPorts", "networking.nat.dmzHost", "networking.nat.extraCommands"),
    word="nat",
    what="{option} forwards packets to a destination that no route of the plan has",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_false,
    "networking.firewall.checkReversePath",
    word="reverse-path",
    what="{option} is false, so a packet with a forged sender may come in on another interface",
    way_out='leave it out, or write "loose"',
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    "disabledModules",
    word="modules",
    what="{option} removes modules, and with them the settings that homelab makes there",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)


_BY_DEFAULT = {
    "programs.envision": "openFirewall",
    "programs.kdeconnect": "",
    "programs.localsend": "openFirewall",
    "programs.mosh": "openFirewall",
    "services.avahi": "openFirewall",
    "services.cloudflare-warp": "openFirewall",
    "services.eternal-terminal": "",
    "services.wgautomesh": "openFirewall",
    "services.zerotierone": "",
}
"""Modules that open ports as soon as they are enabled, and the option that stops them; empty if
none does. Source: the option list of NixOS, and the modules' own `networking.firewall`."""


@rule(*(f"{module}.enable" for module in _BY_DEFAULT))
def by_default(setting: Setting, view: View) -> Iterator[Opening]:
    """Modules that open ports by default."""
    module = ".".join(setting.path[:-1])
    stop = _BY_DEFAULT[module]
    if setting.value is not True or (stop and view.value(*setting.path[:-1], stop) is False):
        return
    if module == "services.avahi" and view.host.config.mdns:
        return  # The plan sets it itself, for the LAN's interface only.
    yield Opening(
        PORT,
        f"{setting.name} opens ports to every network that the plan does not open",
        f"write {module}.{stop}: false beside it" if stop else "leave it out",
    )
