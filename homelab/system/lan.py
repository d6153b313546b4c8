"""A host's LAN settings: its static address, and the WiFi network that it joins.

These are the options of NixOS's scripted network, which `networking.useNetworkd` reads as well: a
hand-written module may choose either, and tailscaled finds resolvconf as it expects.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.host_options import VARIABLE, WIFI, supplicant
from homelab.network.resolver import asks_the_tailnet, names_of
from homelab.nix import Attrs, Comment, Module, Nix, Pkg, Raw, Script, Text, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.system.model import Host

_SECRET, _WATCHDOG = "wifi.sh", "watchdog.sh"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`network.nix`, on a host with LAN settings in the stack."""
    if not host.is_nixos:
        return
    body = merge(static(plan, host), _names(plan, host), _wifi(host), _radio(plan, host))
    config = host.config.wifi
    scripts = {
        _SECRET: config is not None and config.psk is not None,
        _WATCHDOG: config is not None and config.watchdog is not None,
    }
    if body:
        yield Module(
            "network.nix",
            "Static address and WiFi of this host",
            derived=body,
            extra=tuple((f"lib/{f}", _text(f)) for f, used in scripts.items() if used),
        )


def static(plan: Plan, host: Host) -> Attrs:
    """Its static address and name servers; nothing if the router assigns both by DHCP."""
    interface = host.config.interface
    if not host.config.static or not interface or not host.lan:
        return {}
    lan = plan.stack.network.lan
    addresses: list[Nix] = [{"address": host.lan, "prefixLength": lan.cidr.prefixlen}]
    body: Attrs = {
        "networking": {
            "defaultGateway": {"address": str(lan.gateway), "interface": interface},
            "interfaces": {interface: {"ipv4": {"addresses": addresses}, "useDHCP": False}},
        }
    }
    if plan.dns.host == host.name:
        # The resolver's own module sets its upstream servers; it never asks itself.
        return body
    return merge(body, names_of(plan, host) or attrs("networking.nameservers", [str(lan.gateway)]))


def _names(plan: Plan, host: Host) -> Attrs:
    """Name servers of a tailnet host that does not use the tailnet's resolver."""
    if host.config.static or plan.tailnet is None or host.config.tailscale is None:
        return {}
    return {} if asks_the_tailnet(plan, host) else names_of(plan, host)


def _wifi(host: Host) -> Attrs:
    wifi = host.config.wifi
    if wifi is None:
        return {}
    if wifi.backend == "iwd":
        return attrs("networking.wireless.iwd.enable", True)
    if wifi.ssid is None or wifi.psk is None:
        return {}
    secret = referred_path(wifi.psk, *WIFI)
    network: Attrs = {
        wifi.ssid: {
            "pskRaw": Comment("Reads this variable of the secrets file.", f"ext:{VARIABLE}")
        }
    }
    return merge(
        attrs("networking.wireless", {"enable": True, "networks": network, "secretsFile": secret}),
        attrs("networking.wireless.interfaces", [host.config.interface])
        if host.config.interface
        else {},
        attrs(
            f'systemd.services."{supplicant(host.config.interface)}".preStart',
            Script.of(". ", Raw(f"./lib/{_SECRET}"), "\n"),
        ),
    )


def _radio(plan: Plan, host: Host) -> Attrs:
    """WiFi without power saving, and the watchdog that reconnects it."""
    wifi = host.config.wifi
    if wifi is None:
        return {}
    rule = 'ACTION=="add", SUBSYSTEM=="net", KERNEL=="wl*", RUN+="'
    off = Text((rule, Pkg("iw"), '/bin/iw dev $name set power_save off"\n'), indented=True)
    body = {} if wifi.power_save else attrs("services.udev.extraRules", off)
    watchdog = wifi.watchdog
    if watchdog is None:
        return body
    unit = "iwd" if wifi.backend == "iwd" else supplicant(host.config.interface)
    # The sleep command says m where systemd says min.
    grace = watchdog.grace.removesuffix("in")
    call = shlex.join(("watch", str(plan.stack.network.lan.gateway), grace, f"{unit}.service"))
    return merge(
        body,
        attrs(
            "systemd.services.wifi-watchdog",
            {
                "description": "Reconnect WiFi when the gateway does not answer",
                "path": [Pkg("iputils")],
                "script": Script.of(". ", Raw(f"./lib/{_WATCHDOG}"), f"\n{call}\n"),
                "serviceConfig": {"Type": "oneshot"},
            },
        ),
        attrs(
            "systemd.timers.wifi-watchdog",
            {
                "timerConfig": {
                    "OnBootSec": watchdog.delay,
                    "OnUnitActiveSec": watchdog.interval,
                },
                "wantedBy": ["timers.target"],
            },
        ),
    )


def _text(name: str) -> str:
    return (resources.files("homelab.system") / name).read_text(encoding="utf-8")
