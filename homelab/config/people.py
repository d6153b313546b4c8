"""`homelab:site` people: the owner, the members, and their accounts on hosts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import EarlySecretRef, Email, Model, Name, PublicKey, TreePath


class Owner(Model):
    """The person who runs the homelab: an account with sudo on every host."""

    user: Name
    """Login name on every host."""
    email: Email
    """Address for certificates and for the owner's own sign-in."""
    ssh_keys: Annotated[list[PublicKey], Field(min_length=1)]
    """OpenSSH public keys that may log in. At least one is required: nobody could log in without.
    """
    sudo: Literal["passwordless", "password"] = "passwordless"
    """passwordless: sudo asks for nothing, because the same keys log in as root anyway; password:
    sudo asks for `password`, which the deployer does not have, so hosts keep `ssh.user: root`."""
    password: EarlySecretRef | None = None
    """Key in each host's sops file of the password hash that `mkpasswd` prints, for the console,
    sudo and Cockpit. Without it the owner has no password."""

    @model_validator(mode="after")
    def _sudo_has_a_password(self) -> Owner:
        if self.sudo == "password" and self.password is None:
            raise ValueError(
                "sudo asks for a password, and the owner has none; add password: {sops: …}, or "
                "sudo: passwordless"
            )
        return self


class Account(Model):
    """A member's account on hosts, without sudo."""

    hosts: Annotated[list[Name], Field(min_length=1)]
    """NixOS hosts with the account."""
    ssh_keys: list[PublicKey] = Field(default_factory=list)
    """OpenSSH public keys that may log in."""
    password: EarlySecretRef | None = None
    """Key in each of these hosts' sops files of the password hash that `mkpasswd` prints, for the
    console and a desktop. SSH accepts only keys."""
    home: TreePath | None = None
    """The member's home-manager module: `home/kim.nix`."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Account:
        if not self.ssh_keys and self.password is None:
            raise ValueError(
                "nobody can log in to this account; add ssh_keys or password: {sops: …}"
            )
        return self


class Member(Model):
    """A person who uses the homelab's services."""

    email: Email
    """E-mail address that Cloudflare Access identifies them by. Their account at the identity
    provider is separate."""
    account: Account | None = None
    """An account on hosts. Default: none; a member needs none to use services."""
