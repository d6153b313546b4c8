"""Hosts of the plan, from the stack config."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.homes import HomeConfig
from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.disks.plan import plan_file_systems, plan_swap
from homelab.system.model import Host, Jump, MemberAccount


def plan_hosts(stack: StackConfig) -> dict[str, Host]:
    """Every host of the stack, by name, whatever its state."""
    hosts = {}
    for name, config in sorted(stack.hosts.items()):
        pin = stack.nixpkgs.get(config.nixpkgs)
        seen = config if isinstance(config, NixosHost) else config.as_host()
        hosts[name] = Host(
            name=name,
            config=seen,
            release=pin.release if pin else config.state_version,
            always_on=seen.always_on,
            source=f"hosts.{name}",
            members=tuple(
                MemberAccount(user, member.account)
                for user, member in sorted(stack.site.members.items())
                if member.account is not None and name in member.account.hosts
            ),
            homes=tuple(_homes(stack, name, seen, is_nixos=seen is config)),
            is_nixos=seen is config,
            file_systems=plan_file_systems(name, seen),
            swap=plan_swap(name, seen),
            jump=_jump(stack, seen.ssh.jump),
        )
    return hosts


def _homes(
    stack: StackConfig, name: str, host: NixosHost, *, is_nixos: bool
) -> Iterator[tuple[str, HomeConfig]]:
    """The users whose home the stack describes on a host. A machine with home-manager alone has
    that of the owner. A check reports who has none.
    """
    for user, home in sorted(stack.homes.items()):
        member = stack.site.members.get(user)
        if user == stack.site.owner.user:
            has = host.home is not None if home.hosts is None else name in home.hosts
        else:
            account = member.account if member is not None and is_nixos else None
            has = account is not None and name in account.hosts
            has = has and (home.hosts is None or name in home.hosts)
        if has:
            yield user, home


def _jump(stack: StackConfig, name: str | None) -> Jump | None:
    """The jump host of this name; None for none, and for one that does not exist."""
    found = stack.hosts.get(name or "")
    if name is None or not isinstance(found, NixosHost):
        return None
    own = found.address
    address = own.tailnet or own.lan or own.public
    return Jump(name, str(address or ""), found.ssh.port, found.ssh.user, found.ssh.host_key or "")
