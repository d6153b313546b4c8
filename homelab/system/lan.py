"""How a host is on the LAN: a fixed address of its own, and the wireless network it joins.

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
from homelab.secret_paths import secret_path
from homelab.system.model import Host

_SECRET, _WATCHDOG = "wifi.sh", "watchdog.sh"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`network.nix`, on a host whose way to the LAN is written down."""
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
            "How this host is on the LAN",
            derived=body,
            extra=tuple((f"lib/{f}", _text(f)) for f, used in scripts.items() if used),
        )


def static(plan: Plan, host: Host) -> Attrs:
    """Its fixed address and whom it asks for names; nothing where the router gives both."""
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
        # It never asks itself, and its own module says whom it asks.
        return body
    return merge(body, names_of(plan, host) or attrs("networking.nameservers", [str(lan.gateway)]))


def _names(plan: Plan, host: Host) -> Attrs:
    """Whom a host of the tailnet asks that does not ask the tailnet's resolver."""
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
    secret = secret_path(*WIFI, "stored", "file")
    network: Attrs = {
        wifi.ssid: {
            "pskRaw": Comment("A line of the secrets file by this name.", f"ext:{VARIABLE}")
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
    """A radio that neither sleeps nor stays lost."""
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
                "description": "Find back to the network",
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
