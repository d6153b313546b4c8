"""What every host has: a name, people, a clock, a way in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from homelab.nix import Module, Nix, attrs, merge

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The host itself, its people, and its SSH."""
    if not host.is_nixos:
        return
    yield _host(plan, host)
    yield _users(plan)
    yield _ssh(host)
    yield _known_hosts(plan)


def _host(plan: Plan, host: Host) -> Module:
    site = plan.site.site
    return Module(
        "host.nix",
        f"{host.name}: {host.role}, {host.config.platform}",
        derived=merge(
            attrs("console.keyMap", site.keymap),
            attrs("i18n.defaultLocale", site.locale),
            attrs("networking.hostName", host.name),
            attrs("nixpkgs.hostPlatform", host.config.platform),
            attrs("time.timeZone", site.timezone),
        ),
        # Said outright: nothing may quietly change either.
        stated=attrs("system.stateVersion", host.config.state_version),
    )


def _users(plan: Plan) -> Module:
    owner = plan.site.site.owner
    keys: list[Nix] = list(owner.ssh_keys)
    return Module(
        "users.nix",
        "The people who may log in",
        derived=merge(
            attrs("security.sudo.wheelNeedsPassword", False),
            {
                "users": {
                    "users": {
                        owner.user: {
                            "isNormalUser": True,
                            "extraGroups": ["wheel"],
                            "openssh": {"authorizedKeys": {"keys": keys}},
                        },
                        "root": {"openssh": {"authorizedKeys": {"keys": keys}}},
                    }
                }
            },
        ),
        shared=True,
    )


def _ssh(host: Host) -> Module:
    return Module(
        "ssh.nix",
        "The way in: keys only",
        derived=attrs(
            "services.openssh",
            {
                "enable": True,
                "openFirewall": False,
                "ports": [host.config.ssh.port],
                "settings": {
                    "KbdInteractiveAuthentication": False,
                    "PasswordAuthentication": False,
                    "PermitRootLogin": "prohibit-password",
                },
            },
        ),
    )


@lru_cache(maxsize=1)
def _known_hosts(plan: Plan) -> Module:
    known: dict[str, Nix] = {}
    for other in plan.hosts.values():
        key = other.config.ssh.host_key
        if key is None:
            continue
        names: list[Nix] = [n for n in (other.name, other.lan, other.tailnet) if n]
        known[other.name] = {"hostNames": names, "publicKey": " ".join(key.split()[:2])}
    return Module(
        "known-hosts.nix",
        "Every host's key, known to every other",
        derived=attrs("programs.ssh.knownHosts", known),
        shared=True,
    )
