"""Options by the other names that NixOS accepts for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from homelab.nix.source import Setting

_NAMES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("docker-containers",): ("virtualisation", "oci-containers", "containers"),
    ("security", "initialRootPassword"): ("users", "users", "root", "initialHashedPassword"),
    ("services", "bitwarden_rs"): ("services", "vaultwarden"),
    ("services", "openssh", "gatewayPorts"): ("services", "openssh", "settings", "GatewayPorts"),
    ("services", "openssh", "knownHosts"): ("programs", "ssh", "knownHosts"),
    ("services", "sshd", "enable"): ("services", "openssh", "enable"),
    ("users", "extraGroups"): ("users", "groups"),
    ("users", "extraUsers"): ("users", "users"),
}
"""Other names, and the names that rules have (`mkAliasOptionModule` and `mkRenamedOptionModule` of
nixpkgs, in users-groups.nix, sshd.nix, vaultwarden and oci-containers.nix)."""


def by_their_names(settings: Iterable[Setting]) -> Iterator[Setting]:
    """The settings, each under the name of its option."""
    for setting in settings:
        yield _renamed(setting)


def _renamed(setting: Setting) -> Setting:
    path = setting.path
    for size in range(1, min(len(path), 3) + 1):
        name = _NAMES.get(path[:size])
        if name is not None:
            forced = setting.forced
            if forced is not None and forced >= size:
                forced += len(name) - size
            return replace(setting, path=(*name, *path[size:]), forced=forced)
    return setting
