"""Who is in the tailnet, and the names they have there."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.config.hosts import HostTailscale
from homelab.system.model import Host

OWNERS, FAMILY = "group:owners", "group:family"
EVERYBODY = ("autogroup:member", "autogroup:tagged")
DEPLOYER = "tag:iac"
"""Tag of the OAuth client that `pulumi up` signs in with; it owns every other tag."""
SSH, HTTPS, DNS = 22, 443, 53
"""`SSH` is where Tailscale's own answers; OpenSSH has a port of each host's own."""


def is_member(host: Host) -> bool:
    """Whether this host is in the tailnet under a tag; a person's own device is not."""
    return host.is_nixos and host.config.tailscale is not None and host.config.state != "planned"


def needs_key(host: Host) -> bool:
    """Whether the host has yet to join: it is live, and nobody has written down what it became."""
    joined = host.tailnet or settings(host).device
    return is_member(host) and host.config.state == "live" and not joined


def role_tag(host: Host) -> str:
    """The tag of the host's role."""
    return f"tag:{host.role}"


def host_tags(host: Host) -> tuple[str, ...]:
    """Every tag the host carries: its role, and those the stack config adds."""
    return tuple(sorted({role_tag(host), *(f"tag:{t}" for t in settings(host).tags)}))


def login_ports(host: Host) -> tuple[int, ...]:
    """Where somebody could log in: the host's own port, and that of Tailscale's SSH."""
    return tuple(sorted({host.config.ssh.port, *((SSH,) if settings(host).ssh else ())}))


def lan_name(host: str) -> str:
    """The policy's name of a host's LAN address, which is reached through a subnet route."""
    return f"{host}-lan"


def settings(host: Host) -> HostTailscale:
    """What the stack config says of the host's part."""
    return host.config.tailscale or HostTailscale()


def tagged(hosts: Mapping[str, Host]) -> dict[str, tuple[str, ...]]:
    """Every tag and the hosts that carry it; that of a planned host exists before the host does."""
    tags: dict[str, list[str]] = {}
    for name, host in sorted(hosts.items()):
        if host.is_nixos and host.config.tailscale is not None:
            for tag in host_tags(host):
                tags.setdefault(tag, []).extend([name] if is_member(host) else [])
    return {tag: tuple(tags[tag]) for tag in sorted(tags)}
