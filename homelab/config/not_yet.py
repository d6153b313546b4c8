"""Features that do not exist yet: a message and a way out for each key that people try.

Each is recognised by a key, a value or the shape of a value. Remove an entry when the feature gets
a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel

from homelab.config.base import by_model
from homelab.config.cloudflare import Zone
from homelab.config.hosts import NixosHost
from homelab.config.identity import Directory
from homelab.config.network import Lan, NetworkConfig
from homelab.config.routes import RouteConfig, Upstream
from homelab.config.service_base import ServiceConfig
from homelab.config.snapshots import Replicate
from homelab.config.stack import StackConfig
from homelab.config.storage import DatasetConfig, SambaConfig
from homelab.config.tailnet import TailnetConfig


class Missing(NamedTuple):
    """The missing feature, and the way out."""

    what: str
    way_out: str


_NETWORKS = Missing(
    "further networks and VLANs are not supported yet",
    "leave it out: hosts and the firewall know only network.lan; separate other networks at the "
    "router, and configure a host's interface in them in a module of your own (hosts.….modules)",
)
_DRIVES = Missing(
    "network drives with addresses of their own are not supported yet",
    "leave it out: devices of the tailnet reach a drive, and devices of the LAN too with lan: and "
    "the reason, such as lan: the television has no Tailscale",
)
_PROTOCOLS = Missing(
    "network drives with another protocol than SMB and NFS are not supported yet",
    "write samba: {} for devices of the tailnet, or nfs: {hosts: {…: /mnt/…}} for hosts",
)
_DIRECTORY = Missing(
    "another directory than OpenLDAP and LLDAP is not supported yet",
    "write directory: {kind: openldap, base_dn: …} or kind: lldap, or keep the users in Authelia's "
    "file: users",
)
_UPSTREAM = Missing(
    "a route leads to its own service",
    "leave it out; give a device that is no host of this stack, such as a NAS or a router, a "
    "service of its own: external: {address: 192.168.1.5, port: 5001}",
)
_ZONE = Missing(
    "a second zone is not supported yet",
    "leave it out: a stack publishes in the one zone of homelab:cloudflare; publish the names of "
    "another zone with a second stack, which has its own machines",
)
_MODULE = Missing(
    "a service has no such key",
    "leave it out: describe a nixpkgs module with module:, and a program with unit:",
)
_CONTROL = Missing(
    "another control server than Tailscale's is not supported yet",
    "leave it out; or leave out homelab:tailnet, and hosts connect to each other over the LAN",
)
_OVERLAY = Missing(
    "another overlay network than Tailscale is not supported yet",
    "leave it out: write homelab:tailnet, or neither, and hosts connect to each other over the "
    "LAN; homelab:vpn is a VPN to the internet for single services",
)
_DNS = Missing(
    "public names at another DNS provider than Cloudflare are not supported yet",
    "leave it out: for certificates with another DNS provider write network.entry.acme; internal "
    "names need no DNS provider",
)

_USED_BY = Missing(
    "a dataset does not name the services that use it",
    "leave it out, and write at the service: datasets: {ROLE: NAME}, with a role of the catalog "
    "and the name of the dataset",
)
_DATASET = Missing(
    "a replica is a ZFS dataset",
    "leave it out, and write the dataset with its pool: zfs: tank/copies/photos",
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
    },
    Replicate: {"pool": _DATASET},
    DatasetConfig: {
        **dict.fromkeys(("sftp", "webdav"), _PROTOCOLS),
        **dict.fromkeys(("readers", "service", "services", "users", "writers"), _USED_BY),
    },
    SambaConfig: dict.fromkeys(("hosts", "networks", "scope", "sources"), _DRIVES),
    ServiceConfig: {
        **dict.fromkeys(("address", "proxy_pass", "upstream", "url"), _UPSTREAM),
        **dict.fromkeys(("domain", "zone"), _ZONE),
        **dict.fromkeys(("nixos", "package", "units"), _MODULE),
    },
    RouteConfig: {
        **dict.fromkeys(("address", "url"), _UPSTREAM),
        **dict.fromkeys(("domain", "zone"), _ZONE),
    },
    TailnetConfig: dict.fromkeys(
        ("control", "control_server", "headscale", "login_server", "server", "url"), _CONTROL
    ),
}
"""By model, and by key that the model does not have."""
SHAPES: Mapping[type[BaseModel], Missing] = {
    Directory: _DIRECTORY,
    Upstream: _UPSTREAM,
    Zone: _ZONE,
}
"""By model, if the value is not a mapping but a list or a text."""
VALUES: Mapping[tuple[type[BaseModel], str], Missing] = {
    (Directory, "kind"): _DIRECTORY,
}
"""By model and field, if the value is not one of those that the field allows."""


def missing_key(model: type[BaseModel] | None, key: str) -> Missing | None:
    """The missing feature that an unknown key of a model stands for; `None` for any other key."""
    return by_model(KEYS, model, key)
