"""Network namespaces: services whose only network is their VPN, and a veth link for the proxy.

The tunnel is created in the host's network, where it can reach its server, and then moved into the
namespace. Until then the namespace has no outside connection.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.nix import (
    Attrs,
    Comment,
    Force,
    Lines,
    Module,
    Nix,
    Pkg,
    Raw,
    Script,
    Text,
    attrs,
    merge,
)
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.system.model import Host
from homelab.vpn.model import Member, Vpn
from homelab.vpn.plan import SECRET
from homelab.vpn.resolver import resolv_conf, service_config

TABLE = "vpn-namespaces"
_FILE = "lib/vpn-namespace.sh"
_SHELL = (resources.files("homelab.vpn") / "namespace.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The network namespaces of a host, and the services in them."""
    vpns = plan.vpn.on(host.name, "namespace")
    if not vpns or not host.is_nixos:
        return
    yield Module(
        "vpn-namespaces.nix",
        "\n".join(
            ["Services in the network namespace of a VPN:"]
            + [f"  {m.service}: {v.name}" for v in vpns for m in v.members]
        ),
        derived=merge(
            *(_namespace(v) for v in vpns),
            *(_tunnel(v) for v in vpns),
            *(_proxy(v, m, m.called_at) for v in vpns for m in v.members if m.outside and m.port),
        ),
        # Plain definitions: without these, a service would be in the host's network.
        stated=merge(
            attrs(
                f"networking.nftables.tables.{TABLE}",
                {"family": "inet", "content": Lines(rules(vpns))},
            ),
            *(_member(v, unit) for v in vpns for unit in v.units),
        ),
        extra=((_FILE, _SHELL),),
    )


def rules(vpns: tuple[Vpn, ...]) -> str:
    """The host's side of the veth links: the host connects to services, and nothing else passes."""
    links = "{ " + ", ".join(f'"{_link(v)}"' for v in vpns) + " }"
    return (
        "chain input {\n"
        "  type filter hook input priority filter; policy accept;\n"
        f"  iifname {links} ct direction original counter drop\n"
        "}\n"
        "chain forward {\n"
        "  type filter hook forward priority filter; policy accept;\n"
        f"  iifname {links} counter drop\n"
        f"  oifname {links} counter drop\n"
        "}\n"
    )


def _link(vpn: Vpn) -> str:
    return f"veth-{vpn.name}"


def unit_of(vpn: Vpn) -> str:
    """The unit that makes the namespace of a VPN, without `.service`."""
    return f"netns-{vpn.name}"


def _resolver(vpn: Vpn) -> str:
    # Where `ip netns exec` finds it too.
    return f"netns/{vpn.name}/resolv.conf"


def _namespace(vpn: Vpn) -> Attrs:
    dependants: list[Nix] = [f"{u}.service" for u in (vpn.unit, *vpn.units)]
    ends = vpn.namespace
    load = (". ", Raw(f"./{_FILE}"), "\n")
    up = shlex.join(("up", vpn.name, ends.host, ends.inside))
    return merge(
        attrs(
            f"systemd.services.{unit_of(vpn)}",
            {
                "description": f"Network namespace of the VPN {vpn.name}",
                "after": ["network-pre.target"],
                "before": dependants,
                "path": [Pkg("iproute2"), Pkg("nftables")],
                "postStop": Script.of(*load, f"{shlex.join(('down', vpn.name))}\n"),
                "requiredBy": dependants,
                "script": Script.of(*load, f"{up}\n"),
                "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
                "stopIfChanged": Comment("A restart also restarts the services inside.", False),
            },
        ),
        attrs(f'environment.etc."{_resolver(vpn)}".text', Lines(resolv_conf(vpn))),
        attrs("networking.dhcpcd.denyInterfaces", [_link(vpn)]),
    )


def _tunnel(vpn: Vpn) -> Attrs:
    interface: dict[str, Nix] = {
        "interfaceNamespace": vpn.name,
        "ips": list(vpn.addresses),
        "peers": [
            {
                "allowedIPs": list(vpn.reaches),
                "endpoint": vpn.endpoint,
                "publicKey": vpn.public_key,
            }
        ],
        "privateKeyFile": referred_path(vpn.key, SECRET, vpn.name),
    }
    if vpn.mtu is not None:
        interface["mtu"] = vpn.mtu
    made = attrs(f"networking.wireguard.interfaces.{vpn.name}", interface)
    if vpn.autostart:
        return made
    by_hand = Comment("Started manually.", Force([]))
    return merge(made, attrs(f"systemd.services.{vpn.unit}.wantedBy", by_hand))


def _member(vpn: Vpn, unit: str) -> Attrs:
    config: Attrs = {
        "NetworkNamespacePath": f"/run/netns/{vpn.name}",
        **service_config(_resolver(vpn)),
    }
    return {"systemd": {"services": {unit: {"serviceConfig": config}}}}


def _proxy(vpn: Vpn, member: Member, addresses: tuple[str, ...]) -> Attrs:
    """A socket proxy for other hosts, which cannot reach the namespace directly."""
    name = f"{member.service}-netns-proxy"
    target = f"{vpn.namespace.inside}:{member.port}"
    program = Raw("config.systemd.package")
    return merge(
        attrs(
            f"systemd.sockets.{name}",
            {
                "description": f"{member.service}, for other hosts",
                "listenStreams": [f"{a}:{member.port}" for a in addresses],
                "socketConfig": {"FreeBind": True},
                "wantedBy": ["sockets.target"],
            },
        ),
        attrs(
            f"systemd.services.{name}",
            {
                "description": f"{member.service}, for other hosts",
                "after": [f"{unit_of(vpn)}.service"],
                "requires": [f"{unit_of(vpn)}.service", f"{name}.socket"],
                "serviceConfig": {
                    "DynamicUser": True,
                    "ExecStart": Text.of(program, f"/lib/systemd/systemd-socket-proxyd {target}"),
                },
            },
        ),
    )
