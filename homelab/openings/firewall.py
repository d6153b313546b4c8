"""Options that open ports: the firewall's own, and those of modules that open it by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.network.model import TAILNET
from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import Opening, View, is_false, is_set, is_true, rule, when

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
    """Ports that the plan does not open there itself."""
    protocol = "udp" if "UDP" in setting.path[-1] else "tcp"
    interface = setting.path[3] if setting.path[2] == "interfaces" else ""
    if interface == "lo":
        return
    value = setting.value
    items = value if isinstance(value, tuple) else (value,) if is_set(value) else ()
    more = [_port(i) for i in items if not _planned(i, protocol, interface, view)]
    if more:
        where = f"on {interface}" if interface else "to every network"
        yield Opening(
            PORT,
            f"ports are opened by routes, and {setting.name} opens {', '.join(more)}/{protocol} "
            f"{where}, which the plan does not know",
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
        return "what Nix computes"
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
    what="ports are opened by routes, and {option} opens some that the plan does not know",
    way_out=_ROUTE,
)
when(
    is_false,
    "networking.firewall.enable",
    word="firewall-off",
    what="the firewall is what keeps the plan true, and {option} is false",
    way_out="leave it out, and open what you need by routes",
)
when(
    is_false,
    "networking.nftables.enable",
    word="firewall-off",
    what="our firewall is written in nftables, and {option} is false: its rules would be dropped",
    way_out="leave it out",
)
when(
    lambda value: isinstance(value, Computed),
    "networking.firewall",
    word="firewall-off",
    what="{option} is computed as a whole, and nobody can tell what it opens",
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
    what="ports are opened by routes, and {option} writes rules that the plan does not know",
    way_out=_ROUTE,
)
when(
    is_set,
    "networking.nftables.tables.*.content",
    word="nftables-table",
    what="{option} is a table of its own beside the firewall, and may lead packets past it",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    *("networking.nat.forwardPorts", "networking.nat.dmzHost", "networking.nat.extraCommands"),
    word="nat",
    what="{option} leads packets on to where no route of the plan leads",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_false,
    "networking.firewall.checkReversePath",
    word="reverse-path",
    what="{option} is false, so a packet may come in by another interface than its sender's",
    way_out='leave it out, or write "loose"',
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    "disabledModules",
    word="modules",
    what="{option} takes modules away, and with them what our options say to them",
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
"""Modules that open ports as soon as they are enabled, and the option that stops them; empty where
none does. Source: the option list of NixOS, and the modules' own `networking.firewall`."""


@rule(*(f"{module}.enable" for module in _BY_DEFAULT))
def by_default(setting: Setting, view: View) -> Iterator[Opening]:
    """Modules that open ports unless they are told otherwise."""
    module = ".".join(setting.path[:-1])
    stop = _BY_DEFAULT[module]
    if setting.value is not True or (stop and view.value(*setting.path[:-1], stop) is False):
        return
    if module == "services.avahi" and view.host.config.mdns:
        return  # The plan says so itself, and to the LAN's interface alone.
    yield Opening(
        PORT,
        f"{setting.name} opens ports to every network, which the plan does not know",
        f"write {module}.{stop}: false beside it" if stop else "leave it out",
    )
