"""`hosts.….manage` and `hosts.….extends`: a host that keeps a configuration of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from homelab.config.base import Model, Str, TreePath

Managed = Literal[
    "accounts",
    "backup",
    "dashboard",
    "disks",
    "dns",
    "firewall",
    "hardening",
    "hardware",
    "home",
    "identity",
    "lan",
    "monitoring",
    "nix",
    "persistence",
    "proxy",
    "secrets",
    "services",
    "ssh",
    "storage",
    "system",
    "tailnet",
    "tunnel",
    "vpn",
]
"""A part of a host's configuration that homelab can write. `homelab/managed.py` has its files."""

FIELDS: Mapping[str, Managed] = {
    "boot": "hardware",
    "build": "nix",
    "desktop": "system",
    "disks": "disks",
    "fail2ban": "ssh",
    "file_systems": "disks",
    "flash": "hardware",
    "gpu": "hardware",
    "home": "home",
    "ssh_config": "home",
    "kernel": "hardware",
    "keymap": "system",
    "locale": "system",
    "timezone": "system",
    "host_id": "system",
    "mdns": "lan",
    "nix": "nix",
    "offline": "system",
    "persistence": "persistence",
    "pools": "disks",
    "profile": "hardware",
    "reboot": "hardware",
    "static": "lan",
    "swap": "disks",
    "tailscale": "tailnet",
    "user_memory": "hardware",
    "wake_on_lan": "hardware",
    "watchdog": "hardware",
    "wifi": "lan",
    "zram": "hardware",
}
"""Fields of a host that only one part reads, and that part."""


class Extends(Model):
    """The flake of a host that was adopted with one: its system, to which homelab adds modules."""

    flake: TreePath
    """Directory with the flake, beside the stack file: `hosts/nas/nixos`. It is copied to the host
    with every release, and its `flake.lock` pins its inputs."""
    name: Annotated[Str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$")] | None = None
    """The system in it: `nixosConfigurations.NAME`. Default: the name of the host."""
