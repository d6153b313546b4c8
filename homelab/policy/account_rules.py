"""Rules of the security baseline: sudo and accounts."""

from __future__ import annotations

import re

from homelab.nix.source import Value
from homelab.policy.model import Facts, UnknownError, is_computed
from homelab.policy.rules import REMOVE, option, path, register
from homelab.policy.values import is_exactly, items

_LOCKED = re.compile(r"[!*]+[^$]*")
_AS_ROOT = frozenset(("docker", "podman", "libvirtd", "lxd", "incus-admin", "disk"))
"""Groups whose members can become root without sudo."""
_PASSWORDS = ("hashedPassword", "initialHashedPassword", "initialPassword", "password")

option(
    "SEC-SUDO-001",
    "sudo asks for a password",
    "security.sudo.wheelNeedsPassword",
    is_exactly(True),
    default=True,
    why="A program that runs as the owner becomes root without a question.",
    way_out="write site.owner.sudo: password",
)


def _without_password(facts: Facts) -> str:
    """Rules of sudo that give everything without a password, besides wheel's own rule."""
    found = []
    for at, rules in facts.each(path("security.sudo.extraRules")):
        if is_computed(rules):
            raise UnknownError
        for rule in rules if isinstance(rules, tuple) else ():
            found += [f"{'.'.join(at)} gives {who}" for who in _unasked(rule)]
    return ", ".join(f"{one} everything without a password" for one in found)


def _unasked(rule: Value) -> list[str]:
    if not isinstance(rule, dict):
        return []
    groups, users = rule.get("groups"), rule.get("users")
    names = [str(w) for w in (*items(users), *items(groups)) if w not in ("wheel", "root")]
    for command in items(rule.get("commands")):
        if isinstance(command, dict):
            asked = "NOPASSWD" not in items(command.get("options"))
            if command.get("command") == "ALL" and not asked:
                return names
    return []


register(
    "SEC-SUDO-002",
    "no rule of sudo gives everything without a password",
    ["security.sudo.extraRules"],
    required=True,
    why="Whoever runs a program as that account is root.",
    way_out="name the commands that it needs instead of ALL",
    look=_without_password,
)
option(
    "SEC-SUDO-003",
    "only members of wheel can run sudo at all",
    "security.sudo.execWheelOnly",
    is_exactly(True),
    default=False,
    why="A flaw in sudo is then out of reach for services and members.",
    way_out="set security.sudo.execWheelOnly = true in a module of yours; replicas of btrfs use "
    "sudo without wheel",
)


def _hashes(facts: Facts) -> str:
    """Passwords of accounts that every user of the host can read in the Nix store."""
    found = []
    for name in _PASSWORDS:
        for at, value in facts.each(path(f"users.users.*.{name}")):
            if isinstance(value, str) and not _LOCKED.fullmatch(value):
                found.append(".".join(at))
    return f"{', '.join(sorted(found))} is in the Nix store" if found else ""


register(
    "SEC-USER-001",
    "no password or hash is in the Nix store",
    [f"users.users.*.{name}" for name in _PASSWORDS],
    required=True,
    why="Every user of the host can read the Nix store, and guess the password.",
    way_out="keep the hash in the host's sops file: site.owner.password, or hashedPasswordFile",
    look=_hashes,
)


def _in_groups(facts: Facts, groups: frozenset[str]) -> str:
    owner = facts.plan.stack.site.owner.user
    found = []
    for name in ("extraGroups", "group"):
        for at, value in facts.each(path(f"users.users.*.{name}")):
            user = at[2]
            if user in (owner, "root"):
                continue
            if is_computed(value):
                raise UnknownError
            inside = groups & {str(g) for g in (items(value) or (value,))}
            found += [f"{user} is in {group}" for group in sorted(inside)]
    return ", ".join(sorted(found))


_GROUPS = ["users.users.*.extraGroups", "users.users.*.group"]
register(
    "SEC-USER-002",
    "only the owner is in wheel",
    _GROUPS,
    required=True,
    why="Members of wheel can do everything on the host.",
    way_out="remove the group from the account",
    look=lambda facts: _in_groups(facts, frozenset(("wheel",))),
)
register(
    "SEC-USER-003",
    "no other account is in a group that amounts to root",
    _GROUPS,
    why="Members of docker, libvirtd, disk and similar groups can read and write every file.",
    way_out="remove the group from the account",
    look=lambda facts: _in_groups(facts, _AS_ROOT),
)
option(
    "SEC-USER-004",
    "accounts come from the configuration alone",
    "users.mutableUsers",
    is_exactly(False),
    default=True,
    why="An account that somebody made by hand survives every deployment.",
    way_out="write site.mutable_users: false",
)
option(
    "SEC-USER-005",
    "nobody is logged in at the console without a password",
    "services.getty.autologinUser",
    is_exactly(None),
    default=None,
    required=True,
    why="Whoever stands before the machine has the account, and with sudo the host.",
    way_out=REMOVE,
)
