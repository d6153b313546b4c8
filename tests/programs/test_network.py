"""Firewalls, WireGuard, WiFi and sysctl settings, each read by its program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.programs.rendered import ALL, planned, settings
from tests.tools.programs import at, run


def firewall(found: dict[str, Any]) -> str:
    """The chains of networking.firewall with our text."""
    own = {
        "input": found.get("extraInputRules", ""),
        "rpfilter": found.get("extraReversePathFilterRules", ""),
        "forward": found.get("extraForwardRules", ""),
    }
    for interface, opened in found.get("interfaces", {}).items():
        for kind, ports in opened.items():
            protocol = {"allowedTCPPorts": "tcp", "allowedUDPPorts": "udp"}[kind]
            listed = ", ".join(map(str, ports))
            own["input"] += f'iifname "{interface}" {protocol} dport {{ {listed} }} accept\n'
    chains = "".join(f"chain {name} {{\n{rules}}}\n" for name, rules in own.items())
    return f"table inet nixos-fw {{\n{chains}}}\n"


@pytest.mark.parametrize("name", ALL)
def test_nft_accepts_the_firewall_and_every_table(name: str, tmp_path: Path) -> None:
    """All rules of each host together."""
    nft = at("nft")
    plan = planned(name)
    tables = {
        host: "".join(
            f"table {t['family']} {n} {{\n{t['content']}}}\n"
            for n, t in found.get("tables", {}).items()
        )
        for host, found in settings(plan, "networking.nftables", tmp_path)
    }
    for host, found in settings(plan, "networking.firewall", tmp_path):
        done = run(nft, "--check", "--file", "-", stdin=firewall(found) + tables.get(host, ""))
        if "Operation not permitted" in done.stderr:
            pytest.skip("only root may ask nft")
        assert (done.returncode, done.stderr) == (0, ""), host


WAYS = ("networking.wg-quick.interfaces", "networking.wireguard.interfaces")
WITH_TUNNELS = [n for n in ALL if any(list(settings(planned(n), way, Path())) for way in WAYS)]


@pytest.mark.parametrize("name", WITH_TUNNELS)
def test_wireguard_accepts_every_tunnel(name: str, tmp_path: Path) -> None:
    """It reads the key and the peer, and fails only because the interface does not exist."""
    wg = at("wg")
    for way in WAYS:
        tunnels = [x for _, f in settings(planned(name), way, tmp_path) for x in f.items()]
        for tunnel, said in tunnels:
            text = "[Interface]\n"
            for peer in said["peers"]:
                text += f"[Peer]\nPublicKey = {peer['publicKey']}\nEndpoint = {peer['endpoint']}\n"
                text += f"AllowedIPs = {', '.join(peer['allowedIPs'])}\n"
            file = tmp_path / f"{tunnel}.conf"
            file.write_text(text, encoding="utf-8")
            said_by_it = run(wg, "setconf", f"no-{tunnel}"[:15], file).stderr
            assert said_by_it.startswith("Unable to modify interface: "), said_by_it
            assert len(tunnel) < 16, "the kernel takes no longer name"


WITH_WIRELESS = [
    n for n in ALL if list(settings(planned(n), "networking.wireless.networks", Path()))
]


@pytest.mark.parametrize("name", WITH_WIRELESS)
def test_wpa_supplicant_accepts_every_network(name: str, tmp_path: Path) -> None:
    """It fails only because the interface does not exist. Debian's build does not read passwords
    from files, so the reference is used as a password.
    """
    program = at("wpa_supplicant")
    for _, found in settings(planned(name), "networking.wireless", tmp_path):
        text = ""
        for ssid, said in found.get("networks", {}).items():
            assert re.fullmatch(r"ext:\w+", said["pskRaw"])
            text += f'network={{\n  ssid="{ssid}"\n  key_mgmt=WPA-PSK\n  psk="8 letters"\n}}\n'
        file = tmp_path / "wpa.conf"
        file.write_text(text, encoding="utf-8")
        done = run(program, "-i", "nowhere0", "-D", "none", "-c", file)
        said_by_it = done.stdout + done.stderr
        assert "Failed to read or parse" not in said_by_it, said_by_it
        assert not re.search(r"Line \d+:", said_by_it), said_by_it


WITH_SYSCTL = [n for n in ALL if list(settings(planned(n), "boot.kernel.sysctl", Path()))]


@pytest.mark.parametrize("name", WITH_SYSCTL)
def test_the_kernel_knows_every_setting(name: str, tmp_path: Path) -> None:
    """Including settings of interfaces."""
    for _, found in settings(planned(name), "boot.kernel.sysctl", tmp_path):
        for key in found:
            known = re.sub(r"(\.conf\.)(?!all\.|default\.)[^.]+", r"\1lo", key)
            assert (Path("/proc/sys") / known.replace(".", "/")).exists(), key
