"""What every host has: a name, people, a clock, a way in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from homelab.nix import Attrs, Module, Nix, attrs, merge
from homelab.secrets.model import FOR_USERS, secret_name
from homelab.system.facets import PASSWORD

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The host itself, its people, and its SSH."""
    if not host.is_nixos:
        return
    yield Module(
        "host.nix",
        f"{host.name}: {host.role}, {host.config.platform}",
        derived=identity(plan, host),
        # Said outright: nothing may quietly change either.
        stated=installed_with(host),
    )
    yield Module("users.nix", "The people who may log in", derived=people(plan), shared=True)
    yield from _password(plan, host)
    yield Module("ssh.nix", "The way in: keys only", derived=way_in(host))
    yield _known_hosts(plan)


def identity(plan: Plan, host: Host) -> Attrs:
    """Its name, its clock and how it speaks."""
    site = plan.site.site
    return merge(
        attrs("console.keyMap", site.keymap),
        attrs("i18n.defaultLocale", site.locale),
        attrs("networking.hostName", host.name),
        attrs("nixpkgs.hostPlatform", host.config.platform),
        attrs("time.timeZone", site.timezone),
    )


def installed_with(host: Host) -> Attrs:
    """The release that its state is of, and the number that its pools know it by."""
    version = attrs("system.stateVersion", host.config.state_version)
    number = host.config.host_id
    return merge(version, attrs("networking.hostId", number)) if number else version


def people(plan: Plan) -> Attrs:
    """The owner, who is also root."""
    owner = plan.site.site.owner
    keys: list[Nix] = list(owner.ssh_keys)
    return merge(
        attrs("security.sudo.wheelNeedsPassword", owner.sudo == "password"),
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
    )


def declared(owner: str, secret: tuple[str, str]) -> Attrs:
    """A password whose hash is a secret of the host. NixOS gives it to an account that is there
    already only where no account is changed by hand.
    """
    return merge(
        attrs("users.mutableUsers", False),
        attrs(f"users.users.{owner}.hashedPasswordFile", FOR_USERS + secret_name(*secret)),
    )


def _password(plan: Plan, host: Host) -> Iterator[Module]:
    owner = plan.site.site.owner
    if owner.password is not None:
        yield Module(
            "password.nix",
            "The owner's password: for the console, for sudo and for Cockpit",
            derived=declared(owner.user, PASSWORD),
        )


def way_in(host: Host, *, everywhere: bool = False) -> Attrs:
    """SSH by keys alone; to everywhere only where no firewall of ours says to whom."""
    return attrs(
        "services.openssh",
        {
            "enable": True,
            "openFirewall": everywhere,
            "ports": [host.config.ssh.port],
            "settings": {
                "KbdInteractiveAuthentication": False,
                "PasswordAuthentication": False,
                "PermitRootLogin": "prohibit-password",
            },
        },
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
