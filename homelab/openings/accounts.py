"""Accounts: passwords, sudo, groups equivalent to root, and users that Nix trusts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting
from homelab.openings.model import (
    Opening,
    View,
    is_false,
    is_set,
    is_true,
    like,
    rule,
    shown,
    texts,
    when,
)

_USER = "users.users.*"
_LOCKED = re.compile(r"[!*]+[^$]*")
_FILE = "drop it, keep its hash in the host's sops file, and name that: hashedPasswordFile"
_AS_ROOT = ("docker", "podman", "libvirtd", "lxd", "incus-admin", "disk", "wheel")
"""Groups whose members can become root."""


@rule(
    f"{_USER}.password",
    f"{_USER}.initialPassword",
    f"{_USER}.hashedPassword",
    f"{_USER}.initialHashedPassword",
)
def password(setting: Setting, view: View) -> Iterator[Opening]:
    """A password, or its hash, that every user of the host can read in the Nix store."""
    value = setting.value
    if value is None or isinstance(value, Computed):
        return
    if value == "":
        yield Opening(
            "no-password",
            f"{setting.name} is empty: anybody at the console logs in without a password",
            _FILE,
        )
    elif not _LOCKED.fullmatch(str(value)):
        what = "hash" if "ashed" in setting.path[-1] else "password"
        yield Opening(
            "password-in-store",
            f"{setting.name} is a {what} in plain text: every user can read the Nix store",
            _FILE,
        )


@rule(f"{_USER}.hashedPasswordFile", f"{_USER}.passwordFile")
def password_file(setting: Setting, view: View) -> Iterator[Opening]:
    """A password file that Nix would copy to its store, where every user can read it."""
    value = setting.value
    is_path = isinstance(value, Computed) and re.match(r"\.{0,2}/", value.text)
    if is_path or (isinstance(value, str) and value.startswith("/nix/store")):
        yield Opening(
            "password-in-store",
            f"{setting.name} is a file that Nix copies to its store, where every user can read it",
            'name a path on the host, in quotes: "/run/secrets-for-users/…"',
        )


@rule("users.mutableUsers")
def mutable(setting: Setting, view: View) -> Iterator[Opening]:
    """`users.mutableUsers` true keeps a declared password from an existing account."""
    site = view.plan.stack.site
    accounts = (m.account for m in site.members.values() if m.account is not None)
    declared = site.owner.password is not None or any(a.password for a in accounts)
    if setting.value is True and (declared or site.mutable_users is False):
        yield Opening(
            "mutable-users",
            f"{setting.name} is true, so an existing account would never get the password that the "
            "stack declares",
            "leave it out",
        )


when(
    is_true,
    "users.allowNoPasswordLogin",
    word="no-password",
    what="{option} turns off the check that somebody can still log in",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)


@rule("security.sudo.wheelNeedsPassword", "security.sudo-rs.wheelNeedsPassword")
def wheel(setting: Setting, view: View) -> Iterator[Opening]:
    """Whether sudo asks the owner for a password is set and checked in site.owner.sudo."""
    yield Opening(
        "sudo",
        f"{setting.name} is {shown(setting.value)}, and site.owner.sudo sets what sudo asks for",
        "drop it, and write site.owner.sudo: passwordless or password",
    )


@rule("security.sudo.enable")
def without_sudo(setting: Setting, view: View) -> Iterator[Opening]:
    """Sudo turned off, although the deployer may need it."""
    user = view.host.config.ssh.user
    if setting.value is False and user != "root":
        yield Opening(
            "sudo",
            f"{setting.name} is false, and the deployer logs in as {user} and needs it",
            f"leave it out, or write {view.host.source}.ssh.user: root",
        )


when(
    like("NOPASSWD|!authenticate"),
    *("security.sudo.extraRules", "security.sudo.extraConfig", "security.sudo-rs.extraRules"),
    *("security.sudo-rs.extraConfig",),
    word="sudo",
    what="{option} lets a user become root without a password",
    way_out="name single commands, or leave it out",
    severity="warning",
    acceptable=True,
)
when(
    lambda value: (
        isinstance(value, tuple)
        and any(isinstance(r, Mapping) and r.get("noPass") is True for r in value)
    ),
    "security.doas.extraRules",
    word="sudo",
    what="{option} lets a user become root without a password",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    is_false,
    *("security.doas.wheelNeedsPassword", "security.please.wheelNeedsPassword"),
    word="sudo",
    what="{option} lets all members of wheel become root without a password",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    lambda value: any(t == "*" for t in texts(value)),
    *("nix.settings.trusted-users", "nix.trustedUsers"),
    word="nix-trusted",
    what="{option} has *: every user of the host can become root through Nix",
    way_out="name only people in wheel: @wheel",
)
when(
    is_false,
    *("nix.settings.sandbox", "nix.settings.require-sigs", "nix.useSandbox"),
    word="nix-trusted",
    what="{option} is false: builds can read the host, or binaries need no signature",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    *("services.getty.autologinUser", "services.displayManager.autoLogin.user"),
    "services.xserver.displayManager.autoLogin.user",
    word="autologin",
    what="{option}: anybody at the machine is logged in as {value}, and with sudo as root",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    is_true,
    "security.pam.services.*.allowNullPassword",
    word="no-password",
    what="{option} accepts an empty password",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)


@rule(f"{_USER}.extraGroups", f"{_USER}.group", "users.groups.*.members")
def as_root(setting: Setting, view: View) -> Iterator[Opening]:
    """Membership in a group that makes a user equivalent to root."""
    owner = view.plan.stack.site.owner.user
    if setting.path[1] == "groups":
        groups, people = {setting.path[2]}, set(texts(setting.value)) - {owner, "root"}
    else:
        groups, people = set(texts(setting.value)), {setting.path[2]} - {owner, "root"}
    found = sorted(groups & set(_AS_ROOT))
    if found and people:
        yield Opening(
            "as-root",
            f"{setting.name}: members of {', '.join(found)} can become root on {view.host.name}, "
            f"so {', '.join(sorted(people))} could",
            "leave it out",
            "warning",
            acceptable=True,
        )


@rule(f"{_USER}.uid")
def same_as_root(setting: Setting, view: View) -> Iterator[Opening]:
    """Another name of root: an account with its number."""
    if setting.value == 0 and setting.value is not False and setting.path[2] != "root":
        yield Opening(
            "as-root",
            f"{setting.name} is 0, so {setting.path[2]} is root on {view.host.name}",
            "leave it out",
            "warning",
            acceptable=True,
        )


@rule("security.sudo.extraRules", "security.sudo-rs.extraRules", "security.doas.extraRules")
def may_do_all(setting: Setting, view: View) -> Iterator[Opening]:
    """A rule by which somebody becomes root with a password of their own."""
    known = {view.plan.stack.site.owner.user, "root", "wheel"}
    for one in setting.value if isinstance(setting.value, tuple) else ():
        if not isinstance(one, Mapping) or one.get("noPass") is True:
            continue
        commands = one.get("commands")
        words = tuple(texts(commands))
        every = "cmd" not in one if setting.path[1] == "doas" else "ALL" in words
        who = {t for key in ("users", "groups") for t in texts(one.get(key))} - known
        # `sudo` tells of a rule that asks for no password.
        as_whom = str(one.get("runAs") or "root").partition(":")[0]
        if every and who and "NOPASSWD" not in words and as_whom in ("ALL", "root"):
            yield Opening(
                "as-root",
                f"{setting.name} lets {', '.join(sorted(who))} become root on {view.host.name}",
                "name single commands, or leave it out",
                "warning",
                acceptable=True,
            )


when(
    is_set,
    "nixpkgs.config.allowUnfreePredicate",
    word="unfree",
    what="{option} replaces the predicate of homelab, and unfree packages of services here would "
    "not build",
    way_out="write nixpkgs.config.allowUnfree = true, or add the packages that nix.nix of the host "
    "lists",
    severity="warning",
    acceptable=True,
)
