"""Hosts in the tailnet, and their names and tags there."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.config.host_parts import HostTailscale
from homelab.system.model import Host

OWNERS, FAMILY = "group:owners", "group:family"
EVERYBODY = ("autogroup:member", "autogroup:tagged")
DEPLOYER = "tag:iac"
"""Tag of the OAuth client of `pulumi up`; it owns every other tag."""
SSH, HTTPS, DNS = 22, 443, 53
"""`SSH` is the port of Tailscale SSH; that of OpenSSH is `hosts.<name>.ssh.port`."""


def is_member(host: Host) -> bool:
    """Whether this host is in the tailnet under a tag. Home-manager machines are not."""
    return host.is_nixos and host.config.tailscale is not None and host.config.state != "planned"


def needs_key(host: Host) -> bool:
    """Whether the host must still join: it is live and has no tailnet address or device id yet."""
    joined = host.tailnet or settings(host).device
    return is_member(host) and host.config.state == "live" and not joined


def role_tag(host: Host) -> str:
    """The tag of the host's role."""
    return f"tag:{host.role}"


def host_tags(host: Host) -> tuple[str, ...]:
    """All tags of the host: that of its role, and those of the stack config."""
    return tuple(sorted({role_tag(host), *(f"tag:{t}" for t in settings(host).tags)}))


def login_ports(host: Host) -> tuple[int, ...]:
    """Ports for logins: that of OpenSSH, and that of Tailscale SSH if it is on."""
    return tuple(sorted({host.config.ssh.port, *((SSH,) if settings(host).ssh else ())}))


def lan_name(host: str) -> str:
    """Name in the policy for a host's LAN address, which a subnet route reaches."""
    return f"{host}-lan"


def settings(host: Host) -> HostTailscale:
    """`hosts.<name>.tailscale`, or its defaults."""
    return host.config.tailscale or HostTailscale()


def tagged(hosts: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    """All tags with their hosts. A tag with planned hosts only has none."""
    tags: dict[str, list[str]] = {}
    for name, host in sorted(hosts.items()):
        if host.is_nixos and host.config.tailscale is not None:
            for tag in host_tags(host):
                tags.setdefault(tag, []).extend([name] if is_member(host) else [])
    return {tag: tuple(tags[tag]) for tag in sorted(tags)}
