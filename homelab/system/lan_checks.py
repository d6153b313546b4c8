"""Checks of a host's LAN settings and of fail2ban."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options


@check("static-ip-complete")
def static_ip_complete(plan: Plan) -> Iterator[Problem]:
    """A host with an incomplete static address would lose the LAN at the next switch."""
    for host in plan.hosts.values():
        if not host.config.static:
            continue
        where = f"{host.source}.static"
        if not host.lan:
            yield Problem(
                where,
                "there is no address to set",
                "add address: {lan: …}",
                cause=host.address_at("lan"),
            )
        if host.config.interface is None:
            yield Problem(
                where,
                "it does not name the interface of the address",
                "add interface: its name in `ip link`, as end0 or enp3s0",
                cause=f"{host.source}.interface",
            )


_OTHERS = (
    "networking.wireless.enable",
    "networking.wireless.iwd.enable",
    "networking.networkmanager.enable",
)


@check("wifi-backend-single")
def wifi_backend_single(plan: Plan) -> Iterator[Problem]:
    """Two programs that control one WiFi device disconnect each other."""
    for host in plan.hosts.values():
        wifi = host.config.wifi
        if wifi is None:
            continue
        where = f"{host.source}.wifi"
        named = [f for f in ("ssid", "psk") if getattr(wifi, f) is not None]
        if wifi.backend == "iwd" and named:
            yield Problem(
                where,
                f"{' and '.join(named)} would be for wpa_supplicant; iwd keeps its networks itself",
                f"leave {' and '.join(named)} out and join with: iwctl station wlan0 connect NAME; "
                "or write backend: wpa_supplicant, which needs both ssid and psk",
            )
        if wifi.backend == "wpa_supplicant" and len(named) < 2:
            yield Problem(
                where,
                "wpa_supplicant needs the network's name and secret",
                "add ssid: NAME and psk: {sops: wifi/psk}; or leave both out, with backend: iwd",
            )
        mine = "networking.wireless" + (".iwd.enable" if wifi.backend == "iwd" else ".enable")
        for service in plan.on(host.name):
            for option in declared_options(service.config):
                if option.value is True and option.name in _OTHERS and option.name != mine:
                    yield Problem(
                        f"services.{service.name}.options.{option.key}",
                        f"{host.name} has WiFi by {wifi.backend}, and this starts a second program",
                        f"leave it out, or change {where}.backend",
                    )


@check("f2b-ignore")
def f2b_ignore(plan: Plan) -> Iterator[Problem]:
    """If the LAN can be banned, a mistyped password locks the household out; if everybody is
    ignored, nobody is ever banned.
    """
    for host in plan.hosts.values():
        config = host.config.fail2ban
        where = f"{host.source}.fail2ban"
        for index, network in enumerate(config.ignore if config is not None else ()):
            if network.prefixlen < 8:
                yield Problem(
                    f"{where}.ignore[{index}]",
                    f"{network} is a large part of the internet, and fail2ban would ignore it",
                    "name the networks that you log in from",
                )
        for service in plan.on(host.name) if config is None else ():
            for option in declared_options(service.config):
                if option.path[:2] == ("services", "fail2ban"):
                    yield Problem(
                        f"services.{service.name}.options.{option.key}",
                        "fail2ban set up here would ban the LAN and the tailnet too",
                        f"leave it out, and write {where}: {{}}",
                    )
