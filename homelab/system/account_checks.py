"""Rules about accounts: who has a password, and what sudo asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem

if TYPE_CHECKING:
    from homelab.plan import Plan

PASSWORD = "site.owner.password"


@check("password-present", rows="S0-57 S1-12")
def password_present(plan: Plan) -> Iterator[Problem]:
    """An app that signs in users of its host lets nobody in where no account has a password."""
    owner = plan.site.site.owner
    for service in plan.services:
        if service.entry.sign_in.host_users and owner.password is None:
            yield Problem(
                service.source,
                f"{service.name} signs in users of {service.host}, and none has a password",
                f"add {PASSWORD}: {{sops: …}}, a hash that mkpasswd prints, or leave it out",
            )


@check("sudo-deployer", rows="S0-72")
def sudo_deployer(plan: Plan) -> Iterator[Problem]:
    """The deployer types no password: where sudo asks for one, it has to log in as root."""
    if plan.site.site.owner.sudo != "password":
        return
    for host in plan.hosts.values():
        user = host.config.ssh.user
        if host.is_nixos and user != "root":
            yield Problem(
                f"{host.source}.ssh.user",
                f"sudo would ask {user} for a password, and a deployment has none",
                "write ssh: {user: root}, or site.owner.sudo: passwordless",
            )
