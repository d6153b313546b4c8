"""The kill switch: packets of some groups use their VPN or are dropped.

Two independent mechanisms: a routing rule by user, and a packet filter by group. Both are active
whether the tunnel is up or not.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources
from ipaddress import ip_interface

from homelab.network.model import TAILNET
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.system.model import Host
from homelab.system.numbers import NUMBERS
from homelab.vpn.model import Member, Vpn
from homelab.vpn.plan import SECRET
from homelab.vpn.resolver import resolv_conf, service_config

TABLE = "vpn-killswitch"
_FILE = "lib/vpn-killswitch.sh"
_OWN = (resources.files("homelab.vpn") / "killswitch.sh").read_text(encoding="utf-8")
_SHELL = f"{NUMBERS}\n{_OWN}"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The tunnels of a host, and the kill switch of the services that use them."""
    vpns = plan.vpn.on(host.name, "killswitch")
    if not vpns or not host.is_nixos:
        return
    members = [m for v in vpns for m in v.members]
    yield Module(
        "vpn-killswitch.nix",
        "\n".join(
            ["Services that have no network except a VPN:"]
            + [f"  {m.service}: {v.name}" for v in vpns for m in v.members]
        ),
        derived=merge(*(_tunnel(v) for v in vpns), _answers(vpns), _guard(vpns)),
        # Plain definitions: an overridden number or rule would let packets pass.
        stated=merge(
            attrs(
                f"networking.nftables.tables.{TABLE}",
                {"family": "inet", "content": Lines(rules(vpns, str(plan.stack.network.lan.cidr)))},
            ),
            *(_identity(m) for m in members),
        ),
        extra=((_FILE, _SHELL),),
    )


def rules(vpns: tuple[Vpn, ...], lan: str) -> str:
    """The packet filter. It has group numbers: NixOS checks it in a sandbox without group names."""
    return "\n".join(_rules(vpns, lan)) + "\n"


def _rules(vpns: tuple[Vpn, ...], lan: str) -> Iterator[str]:
    yield "chain output {"
    yield "  type filter hook output priority filter; policy accept;"
    for vpn in vpns:
        yield f"  meta skgid {_gids(vpn.members)} goto to-{vpn.name}"
    for vpn in vpns:
        # Packets of a connection whose program has ended no longer have a group.
        for address in map(ip_interface, vpn.addresses):
            family = "ip" if address.version == 4 else "ip6"
            yield f'  {family} saddr {address.ip} oifname != {{ "lo", "{vpn.name}" }} counter drop'
    yield "}"
    for vpn in vpns:
        yield from _chain(vpn, lan)
    yield "chain input {"
    yield "  type filter hook input priority filter; policy accept;"
    for vpn in vpns:
        yield f'  iifname "{vpn.name}" ct state established,related accept'
        yield f'  iifname "{vpn.name}" counter drop'
    yield "}"


def _chain(vpn: Vpn, lan: str) -> Iterator[str]:
    with_lan = [m for m in vpn.members if m.lan]
    called = [m for m in vpn.members if m.outside]
    on_tailnet = [m for m in called if m.is_on_tailnet]
    yield f"chain to-{vpn.name} {{"
    yield f'  oifname "{vpn.name}" accept'
    yield "  # DNS only through the VPN: another resolver would leak the queries."
    yield "  meta l4proto { tcp, udp } th dport { 53, 853 } counter drop"
    yield '  oifname "lo" accept'
    if with_lan:
        yield f"  meta skgid {_gids(with_lan)} ip daddr {lan} accept"
    for member in called:
        if member.peers:
            yield "  # Replies to the hosts that call it over the LAN."
            to = "{ " + ", ".join(member.peers) + " }"
            yield f"  meta skgid {_gids([member])} ip daddr {to} ct direction reply accept"
    if on_tailnet:
        yield "  # Replies to clients on the tailnet."
        yield f'  meta skgid {_gids(on_tailnet)} oifname "{TAILNET}" ct direction reply accept'
    yield "  counter drop"
    yield "}"


def _gids(members: tuple[Member, ...] | list[Member]) -> str:
    numbers = sorted({m.ids.gid for m in members if m.ids is not None})
    return "{ " + ", ".join(str(n) for n in numbers) + " }"


def _tunnel(vpn: Vpn) -> Attrs:
    interface: dict[str, Nix] = {
        "address": list(vpn.addresses),
        "autostart": vpn.autostart,
        "peers": [
            {
                "allowedIPs": list(vpn.reaches),
                "endpoint": vpn.endpoint,
                "publicKey": vpn.public_key,
            }
        ],
        "privateKeyFile": referred_path(vpn.key, SECRET, vpn.name),
        "table": Comment(
            "A separate table, so that the host keeps its routes and resolver.", str(vpn.table)
        ),
    }
    if vpn.mtu is not None:
        interface["mtu"] = vpn.mtu
    return merge(
        attrs(f"networking.wg-quick.interfaces.{vpn.name}", interface),
        attrs(f'environment.etc."{_resolver(vpn)}".text', Lines(resolv_conf(vpn))),
        *(_member(vpn, unit) for unit in vpn.units),
    )


def _answers(vpns: tuple[Vpn, ...]) -> Attrs:
    """Exceptions from reverse path filtering: replies arrive by the tunnel, not by the default
    route.
    """
    rules = [f'iifname "{v.name}" ct state established,related accept\n' for v in vpns]
    return attrs("networking.firewall.extraReversePathFilterRules", Lines("".join(rules)))


def _resolver(vpn: Vpn) -> str:
    return f"vpn/{vpn.name}/resolv.conf"


def _member(vpn: Vpn, unit: str) -> Attrs:
    body: Attrs = {
        "after": [f"{vpn.unit}.service"],
        "serviceConfig": service_config(_resolver(vpn)),
    }
    return {"systemd": {"services": {unit: body}}}


def _identity(member: Member) -> Attrs:
    assert member.ids is not None
    units: Attrs = {
        unit: {"serviceConfig": {"Group": member.user, "User": member.user}}
        for unit in member.units
    }
    return {
        "systemd": {"services": units},
        "users": {
            "groups": {member.user: {"gid": member.ids.gid}},
            "users": {member.user: {"uid": member.ids.uid}},
        },
    }


def _guard(vpns: tuple[Vpn, ...]) -> Attrs:
    """A unit that all members require. It checks their numbers, because NixOS does not change the
    number of an existing group.
    """
    members = sorted({(m.user, m.ids) for v in vpns for m in v.members if m.ids}, key=str)
    lines = [shlex.join(("member", u, str(i.uid), str(i.gid))) for u, i in members]
    for vpn in vpns:
        uids = sorted({m.ids.uid for m in vpn.members if m.ids is not None})
        lines.append(shlex.join(("confine", str(vpn.table), *map(str, uids))))
    units: list[Nix] = [f"{u}.service" for u in sorted({u for v in vpns for u in v.units})]
    load = (". ", Raw(f"./{_FILE}"), "\n")
    return attrs(
        f"systemd.services.{TABLE}",
        {
            "description": "Kill switch of the VPNs",
            "after": ["nftables.service"],
            "before": units,
            "bindsTo": Comment(
                "Members run only while the rules are loaded.", ["nftables.service"]
            ),
            "path": [Pkg("iproute2"), Pkg("nftables")],
            "postStop": Script.of(*load, "release\n"),
            "requiredBy": units,
            "script": Script.of(*load, f"filtered {TABLE}\n", "\n".join(lines) + "\n"),
            "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
            "stopIfChanged": Comment("A restart also restarts the members.", False),
        },
    )
