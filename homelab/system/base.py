"""What every host has: a host name, accounts, a time zone and SSH."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from homelab.config.base import EarlySecretRef
from homelab.config.host_options import PASSWORD
from homelab.network.calls import calls_of
from homelab.nix import Attrs, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import password_path
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The modules of the host itself, its accounts, and SSH."""
    if not host.is_nixos:
        return
    yield Module(
        "host.nix",
        f"{host.name}: {host.role}, {host.config.platform}",
        derived=identity(plan, host),
        # Stated with normal priority, so that a conflicting definition fails.
        stated=installed_with(host),
    )
    yield Module("users.nix", "Accounts that may log in", derived=people(plan), shared=True)
    yield from _password(plan, host)
    yield from _members(plan, host)
    # A firewall that homelab does not manage opens the port by this option.
    open_here = not host.config.manages("firewall")
    yield Module("ssh.nix", "SSH: keys only", derived=way_in(host, everywhere=open_here))
    yield from _known_hosts(plan, host)


def identity(plan: Plan, host: Host) -> Attrs:
    """Host name, time zone and locale."""
    site, own = plan.stack.site, host.config
    return merge(
        attrs("console.keyMap", own.keymap or site.keymap),
        attrs("i18n.defaultLocale", own.locale or site.locale),
        attrs("networking.hostName", host.name),
        attrs("nixpkgs.hostPlatform", host.config.platform),
        attrs("time.timeZone", own.timezone or site.timezone),
    )


def installed_with(host: Host) -> Attrs:
    """`system.stateVersion`, and `networking.hostId` for ZFS."""
    version = attrs("system.stateVersion", host.config.state_version)
    number = host.config.host_id
    return merge(version, attrs("networking.hostId", number)) if number else version


def people(plan: Plan) -> Attrs:
    """The accounts of the owner and of root."""
    owner = plan.stack.site.owner
    keys: list[Nix] = list(owner.ssh_keys)
    return merge(
        attrs("security.sudo.wheelNeedsPassword", owner.sudo == "password"),
        attrs("users.mutableUsers", False) if plan.stack.site.mutable_users is False else {},
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


def declared(owner: str, ref: EarlySecretRef, secret: tuple[str, str]) -> Attrs:
    """A password whose hash is a secret of the host. NixOS sets it for an existing account only if
    `users.mutableUsers` is false.
    """
    return merge(
        attrs("users.mutableUsers", False),
        attrs(f"users.users.{owner}.hashedPasswordFile", password_path(ref, *secret)),
    )


def _password(plan: Plan, host: Host) -> Iterator[Module]:
    owner = plan.stack.site.owner
    if owner.password is not None:
        yield Module(
            "password.nix",
            "The owner's password: for the console, sudo and Cockpit",
            derived=declared(owner.user, owner.password, PASSWORD),
        )


def _members(plan: Plan, host: Host) -> Iterator[Module]:
    found: Attrs = {}
    for member in host.members:
        account: Attrs = {"isNormalUser": True}
        if keys := list[Nix](member.config.ssh_keys):
            account = merge(account, {"openssh": {"authorizedKeys": {"keys": keys}}})
        found = merge(found, attrs(f"users.users.{member.user}", account))
        if member.config.password is not None:
            found = merge(found, declared(member.user, member.config.password, member.secret))
    if found:
        yield Module("members.nix", "Accounts of members, without sudo", derived=found)


def way_in(host: Host, *, everywhere: bool = False) -> Attrs:
    """SSH with keys only; `everywhere` opens it to all networks, for hosts without our firewall."""
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


def _known_hosts(plan: Plan, host: Host) -> Iterator[Module]:
    known: dict[str, Nix] = {}
    near = _neighbours(plan)[host.name]
    for other in (plan.hosts[name] for name in sorted(near)):
        key = other.config.ssh.host_key
        if key is None:
            continue
        names: list[Nix] = [other.name, *other.addresses.values()]
        known[other.name] = {"hostNames": names, "publicKey": " ".join(key.split()[:2])}
    if known:
        yield Module(
            "known-hosts.nix",
            "Host keys of the hosts that it connects to, and its own",
            derived=attrs("programs.ssh.knownHosts", known),
        )


@lru_cache(maxsize=1)
def _neighbours(plan: Plan) -> Mapping[str, frozenset[str]]:
    """For each host, the hosts that it connects to or is connected from, and itself.

    Backups and builds use SSH from programs that cannot ask a person to accept a host key.
    """
    near = {name: {name} for name in plan.hosts}
    pairs = [(c.caller, c.callee) for c in calls_of(plan)]
    for name, host in plan.hosts.items():
        offline = host.config.offline
        if offline is not None:
            pairs += [(name, other) for other in (offline.wake_by, offline.pull_from) if other]
    for one, other in pairs:
        if one in near and other in near:
            near[one].add(other)
            near[other].add(one)
    return {name: frozenset(others) for name, others in near.items()}
