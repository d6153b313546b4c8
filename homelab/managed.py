"""The generated files of each part of a host, for hosts that homelab manages in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.config.manage import Managed
from homelab.nix import Module
from homelab.system.model import Host

ALWAYS = frozenset(("arguments.nix", "bootstrap.nix", "own.nix", "release.nix"))
"""Files of every host: your own modules, and the release that they belong to."""

PARTS: Mapping[Managed, tuple[str, ...]] = {
    "accounts": ("members.nix", "password.nix", "users.nix"),
    "backup": ("backup-server.nix", "backup-stores.nix", "backup.nix", "known-hosts.nix"),
    "dashboard": ("dashboard.nix",),
    "disks": ("disks.nix", "movers.nix", "optional-disks.nix", "smart.nix"),
    "dns": ("dns.nix",),
    "firewall": ("firewall.nix",),
    "hardening": ("hardening.nix", "tinker.nix"),
    "hardware": (
        "boot.nix",
        "graphics.nix",
        "kernel.nix",
        "power.nix",
        "reboot.nix",
        "watchdog.nix",
    ),
    "home": ("home.nix", "homes/"),
    "identity": ("auth-proxy.nix", "directory.nix", "identity.nix", "kanidm.nix", "portal.nix"),
    "lan": ("mdns.nix", "network.nix"),
    "monitoring": (
        "heartbeat.nix",
        "measurements.nix",
        "monitoring.nix",
        "monitors.nix",
        "space.nix",
    ),
    "nix": ("known-hosts.nix", "nix.nix", "packages.nix"),
    "persistence": ("blank-root.nix", "impermanence.nix"),
    "proxy": ("certificates.nix", "proxy.nix"),
    "secrets": ("fetched-secrets.nix", "issued-secrets.nix", "secrets.nix"),
    "services": (
        "connections.nix",
        "databases.nix",
        "containers.nix",
        "control.nix",
        "devices.nix",
        "ids.nix",
        "rates.nix",
        "services/",
    ),
    "ssh": ("fail2ban.nix", "known-hosts.nix", "recovery.nix", "ssh.nix"),
    "storage": (
        "nfs-mounts.nix",
        "nfs-server.nix",
        "replicas.nix",
        "replicate.nix",
        "samba.nix",
        "snapshots.nix",
        "storage.nix",
        "syncing.nix",
    ),
    "system": ("bundles.nix", "desktop.nix", "facts.nix", "host.nix", "pull.nix", "trust.nix"),
    "tailnet": ("tailnet.nix",),
    "tunnel": ("tunnel.nix",),
    "vpn": ("vpn-killswitch.nix", "vpn-namespaces.nix"),
}
"""The files of each part; `services/` is every file below it."""

UNASKED = frozenset(
    (
        *("boot.nix", "facts.nix", "firewall.nix", "hardening.nix", "host.nix", "known-hosts.nix"),
        *(
            "network.nix",
            "nix.nix",
            "packages.nix",
            "password.nix",
            "ssh.nix",
            "trust.nix",
            "users.nix",
        ),
    )
)
"""Files that a host gets although nothing in the stack asks for them on this host."""


def parts_of(file: str) -> tuple[Managed, ...]:
    """The parts that a generated file belongs to: it is written if one of them is managed."""
    if file.startswith("services/"):
        return ("services",)
    return tuple(part for part, files in PARTS.items() if file in files)


def kept(host: Host, modules: list[Module]) -> list[Module]:
    """The modules of the managed parts of a host."""
    return [m for m in modules if m.file in ALWAYS or _is_managed(host, m.file)]


def missing(host: Host, modules: list[Module]) -> Iterator[tuple[Managed, str]]:
    """(part, file) of what the stack asks for on a host and its managed parts do not write."""
    for module in modules:
        asked = module.file not in ALWAYS and module.file not in UNASKED
        if asked and not _is_managed(host, module.file):
            yield parts_of(module.file)[0], module.file


def _is_managed(host: Host, file: str) -> bool:
    return host.config.manage is None or any(map(host.config.manages, parts_of(file)))
