"""Checks of accounts: passwords, sudo, and host keys."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.upstream import release_of
from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.accounts import SYSTEM

PASSWORD = "site.owner.password"


@check("password-present")
def password_present(plan: Plan) -> Iterator[Problem]:
    """An app that signs in users of its host is unusable if no account has a password."""
    owner = plan.stack.site.owner
    for service in plan.services:
        if service.entry.sign_in.host_users and owner.password is None:
            yield Problem(
                service.source,
                f"{service.name} signs in users of {service.host}, and none has a password",
                f"add {PASSWORD}: {{sops: …}}, a hash that mkpasswd prints, or leave it out",
            )


@check("desktop-login")
def desktop_login(plan: Plan) -> Iterator[Problem]:
    """A login screen asks for a password, and the accounts of homelab have keys alone."""
    site = plan.stack.site
    for host in plan.hosts.values():
        if host.config.desktop is None or site.owner.password is not None:
            continue
        if not any(member.config.password for member in host.members):
            yield Problem(
                f"{host.source}.desktop",
                f"nobody has a password on {host.name}, so nobody gets past the login screen",
                f"add {PASSWORD}: {{sops: …}}, a hash that mkpasswd prints, or a password to the "
                f"account of a member on {host.name}",
            )


@check("sudo-deployer")
def sudo_deployer(plan: Plan) -> Iterator[Problem]:
    """The deployer cannot type a password: if sudo asks for one, it has to log in as root."""
    if plan.stack.site.owner.sudo != "password":
        return
    for host in plan.hosts.values():
        user = host.config.ssh.user
        if host.is_nixos and user != "root":
            yield Problem(
                f"{host.source}.ssh.user",
                f"sudo would ask {user} for a password, and a deployment has none",
                "write ssh: {user: root}, or site.owner.sudo: passwordless",
            )


@check("owner-account")
def owner_account(plan: Plan) -> Iterator[Problem]:
    """The owner is a person in wheel. With the name of an account that a service or the system runs
    as, that account would get the owner's keys and sudo.
    """
    taken = _accounts(plan)
    where = {"site.owner.user": plan.stack.site.owner.user}
    where |= {f"{h.source}.ssh.user": h.config.ssh.user for h in plan.hosts.values() if h.is_nixos}
    for place, user in where.items():
        if user in taken and not (user == "root" and place != "site.owner.user"):
            yield Problem(
                place,
                f"{user} is an account of {taken[user]}, and would become a person in wheel",
                "name an account of a person: user: …",
            )


@check("member-account")
def member_account(plan: Plan) -> Iterator[Problem]:
    """An account of a member that is also one of the owner, a service or the system would merge
    with it; a home-manager host has no accounts of homelab.
    """
    taken = _accounts(plan) | {plan.stack.site.owner.user: "the owner"}
    for user, member in plan.stack.site.members.items():
        if member.account is None:
            continue
        where = f"site.members.{user}"
        if user in taken:
            yield Problem(
                where,
                f"{user} is also an account of {taken[user]}",
                "give the member another name, or leave account out",
            )
        for i, name in enumerate(member.account.hosts):
            host = plan.hosts.get(name)
            if host is not None and not host.is_nixos:
                yield Problem(
                    f"{where}.account.hosts[{i}]",
                    f"{name} is home-manager only, and homelab creates no accounts there",
                    "leave it out",
                )


def _accounts(plan: Plan) -> dict[str, str]:
    """Whose each account is that is no person's."""
    found = dict.fromkeys(SYSTEM, "the system")
    for service in plan.services:
        names = {service.entry.user}
        if service.entry.dynamic_user:
            names |= {*service.units}
        for module in service.modules:
            facts = release_of(module, service.release)
            names |= {*facts.users} if facts is not None else set()
            names |= {u.user for u in facts.units.values()} if facts is not None else set()
        for name in names - {"", "root"}:
            found.setdefault(name, service.name)
    return found


@check("host-key-own")
def host_key_own(plan: Plan) -> Iterator[Problem]:
    """With a person's key pinned as the host key, nothing can connect to the host, and its secrets
    are encrypted to that person.
    """
    persons = _persons(plan)
    for host in plan.hosts.values():
        pinned = host.config.ssh.host_key
        if pinned and _body(pinned) in persons:
            yield Problem(
                f"{host.source}.ssh.host_key",
                f"this is a key of {persons[_body(pinned)]}: people log in with it, and no host "
                "has it",
                "copy the host's own /etc/ssh/ssh_host_ed25519_key.pub",
                cause=persons[_body(pinned)],
            )


def _persons(plan: Plan) -> dict[str, str]:
    """The place of each person's SSH key, by the key."""
    site = plan.stack.site
    found = {_body(key): "site.owner.ssh_keys" for key in site.owner.ssh_keys}
    for user, member in site.members.items():
        for key in member.account.ssh_keys if member.account is not None else ():
            found.setdefault(_body(key), f"site.members.{user}.account.ssh_keys")
    return found


@check("host-key-unique")
def host_key_unique(plan: Plan) -> Iterator[Problem]:
    """The secrets of a host are encrypted to its host key, so a host with the same key reads them,
    and may answer in its place.
    """
    first: dict[str, str] = {}
    persons = _persons(plan)
    for host in plan.hosts.values():
        pinned = host.config.ssh.host_key
        if not pinned or _body(pinned) in persons:
            continue  # host-key-own reports a person's key.
        other = first.setdefault(_body(pinned), host.name)
        if other != host.name:
            yield Problem(
                f"{host.source}.ssh.host_key",
                f"{host.name} and {other} have one host key, so each reads the other's secrets",
                f"write what /etc/ssh/ssh_host_ed25519_key.pub of {host.name} holds; a copied "
                "disk needs a key of its own first: delete that file and "
                "/etc/ssh/ssh_host_ed25519_key there, run ssh-keygen -A, and encrypt its secrets "
                "again; one machine under two names stands in hosts once",
            )


def _body(line: str) -> str:
    """The key without its comment."""
    return " ".join(line.split()[:2])
