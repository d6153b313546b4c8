"""What people look for and this does not have: named as missing, with what to do instead.

Each is asked for by the key, the word or the shape that people write it in. What comes to be had
leaves this page for a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel

from homelab.config.cloudflare import Zone
from homelab.config.hosts import NixosHost
from homelab.config.identity import Directory, IdentityConfig
from homelab.config.network import Lan, NetworkConfig
from homelab.config.routes import RouteConfig, Upstream
from homelab.config.services import ServiceConfig
from homelab.config.stack import StackConfig
from homelab.config.storage import DatasetConfig, SambaConfig
from homelab.config.tailnet import TailnetConfig


class Missing(NamedTuple):
    """What is missing, and the way out."""

    what: str
    way_out: str


_NETWORKS = Missing(
    "further networks and VLANs are not supported yet",
    "leave it out: network.lan is the one network that hosts and the firewall know; let the router "
    "keep others apart, and give a host its leg in them in a module of your own (hosts.….modules)",
)
_DISKS = Missing(
    "disks are not laid out by the stack config",
    "write them in the host's hardware module: fileSystems, or disko.devices with hosts.….flakes: "
    "[disko.nixosModules.disko]",
)
_DRIVES = Missing(
    "network drives on the LAN are not supported yet",
    "leave it out: a drive is for devices of the tailnet, at home as well; let the device join it",
)
_NFS = Missing(
    "drives by another protocol than SMB are not supported yet",
    "write samba: {}, which devices of the tailnet reach",
)
_PROVIDER = Missing(
    "a provider of sign-in elsewhere is not supported yet",
    "leave it out: name authelia or pocket-id, which run here; or leave the section out and let "
    "apps ask by themselves (auth: native)",
)
_DIRECTORY = Missing(
    "another directory than OpenLDAP is not supported yet",
    "write directory: {kind: openldap, base_dn: …}, or keep the people in Authelia's file: users",
)
_UPSTREAM = Missing(
    "a route to something outside of the stack is not supported yet",
    "leave it out: a route leads to its own service; what is no service of a host in this stack, "
    "such as a NAS or a router, cannot have a name here, and is asked at its own address",
)
_ZONE = Missing(
    "a second zone is not supported yet",
    "leave it out: a stack publishes in the one zone of homelab:cloudflare; give the names of "
    "another a stack of their own",
)
_MODULE = Missing(
    "a module of nixpkgs that the catalog does not have is not supported yet",
    "leave it out: describe the service with container: or flake:, or write it in a module of your "
    "own (hosts.….modules)",
)
_CONTROL = Missing(
    "another control server than Tailscale's is not supported yet",
    "leave it out; or leave out homelab:tailnet, and hosts call each other over the LAN",
)
_OVERLAY = Missing(
    "another network between hosts than Tailscale's is not supported yet",
    "leave it out: write homelab:tailnet, or neither, and hosts call each other over the LAN; "
    "homelab:vpn is a way out to the internet for single services",
)
_DNS = Missing(
    "public names at another DNS provider than Cloudflare are not supported yet",
    "leave it out: certificates by another provider are network.entry.acme; names at home need "
    "none",
)

KEYS: Mapping[type[BaseModel], Mapping[str, Missing]] = {
    StackConfig: {
        "dns": _DNS,
        **dict.fromkeys(("headscale", "netbird", "nebula", "wireguard", "zerotier"), _OVERLAY),
        **dict.fromkeys(("vlan", "vlans", "networks"), _NETWORKS),
    },
    NetworkConfig: dict.fromkeys(("lans", "networks", "segments", "vlan", "vlans"), _NETWORKS),
    Lan: dict.fromkeys(("id", "tag", "vlan", "vlans"), _NETWORKS),
    NixosHost: {
        **dict.fromkeys(("interfaces", "networks", "vlan", "vlans"), _NETWORKS),
        **dict.fromkeys(("disk", "disko", "disks", "filesystems", "partitions"), _DISKS),
    },
    DatasetConfig: dict.fromkeys(("nfs", "sftp", "webdav"), _NFS),
    SambaConfig: dict.fromkeys(("hosts", "lan", "networks", "scope", "sources"), _DRIVES),
    IdentityConfig: dict.fromkeys(
        ("client_id", "client_secret", "discovery", "issuer", "oidc", "realm", "url"), _PROVIDER
    ),
    ServiceConfig: {
        **dict.fromkeys(("address", "proxy_pass", "upstream", "url"), _UPSTREAM),
        **dict.fromkeys(("domain", "zone"), _ZONE),
        **dict.fromkeys(("module", "nixos", "package", "unit", "units"), _MODULE),
    },
    RouteConfig: {
        **dict.fromkeys(("address", "url"), _UPSTREAM),
        **dict.fromkeys(("domain", "zone"), _ZONE),
    },
    TailnetConfig: dict.fromkeys(
        ("control", "control_server", "headscale", "login_server", "server", "url"), _CONTROL
    ),
}
"""By the model that has no such key, and the key."""
SHAPES: Mapping[type[BaseModel], Missing] = {
    Directory: _DIRECTORY,
    Upstream: _UPSTREAM,
    Zone: _ZONE,
}
"""By the model of which something else was written, as a list or a text."""
WORDS: Mapping[tuple[type[BaseModel], str], Missing] = {
    (Directory, "kind"): _DIRECTORY,
    (IdentityConfig, "provider"): _PROVIDER,
}
"""By the model and its field with a word that it does not have."""


def missing_key(model: type[BaseModel] | None, key: str) -> Missing | None:
    """What a key that a model does not have asks for; `None` where nobody knows."""
    if model is None:
        return None
    return next(
        (keys[key] for m, keys in KEYS.items() if issubclass(model, m) and key in keys), None
    )
