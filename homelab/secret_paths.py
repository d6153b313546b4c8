"""Paths and names of secrets on hosts and in the repository."""

from __future__ import annotations

from typing import Literal

from homelab.config.base import ServiceSecretRef
from homelab.config.fact_parts import ReferredFact, SecretFact, referred
from homelab.config.stack import StackConfig

Source = Literal["stored", "derived", "issued", "fetched", "provided"]
"""stored in sops, derived from the master key, issued by a provider, fetched from 1Password by the
host, provided by a hand-written module as a file."""
FETCHED = "homelab/fetched"
"""Directory below /run of secrets that a unit of their service places."""


def secret_name(service: str, name: str) -> str:
    """A secret's name on its host."""
    return f"{service}-{name}"


def fact_source(fact: SecretFact) -> Source:
    """Where a service's secret comes from."""
    if not isinstance(fact, ReferredFact):
        return fact.source
    return "fetched" if fact.ref.op is not None else "provided"


def fact_path(service: str, name: str, fact: SecretFact) -> str:
    """Path of a service's secret on its host. The path does not depend on the value."""
    if not isinstance(fact, ReferredFact):
        return secret_path(service, name, fact.source, fact.form)
    if fact.ref.path is not None and fact.form == "file":
        return fact.ref.path
    return f"/run/{FETCHED}/{service}/{name}"


def referred_path(
    ref: ServiceSecretRef | None, service: str, name: str, form: Literal["file", "env"] = "file"
) -> str:
    """Path of a stored secret of a host itself, from where a reference says that it is."""
    return fact_path(service, name, referred(SecretFact(source="stored", form=form), ref))


FOR_USERS = "/run/secrets-for-users/"
"""Directory of secrets that sops-nix installs before accounts are created."""


def password_path(ref: ServiceSecretRef, service: str, name: str) -> str:
    """Path of the hash of an account's password, which NixOS reads before it makes accounts."""
    return ref.path or FOR_USERS + secret_name(service, name)


def secret_path(service: str, name: str, source: Source, form: Literal["file", "env"]) -> str:
    """Path of a secret on its host. The path does not depend on the value.

    sops-nix installs stored secrets. The activation of a release installs the others, from the
    files that the secrets resource left on the host.
    """
    if source == "stored":
        return f"/run/secrets/{'rendered/' if form == 'env' else ''}{secret_name(service, name)}"
    return f"/run/homelab/secrets/{secret_name(service, name)}"


def sops_file(stack: StackConfig, host: str, key: str) -> str:
    """Path of the sops file from which a host reads a key, relative to the stack file."""
    known = stack.secrets.stored.get(key)
    shared = known.file if known is not None else None
    # The check secret-shared reports a file that cannot be shared.
    return shared if shared and shared not in owned_files(stack) else host_file(stack, host)


def owned_files(stack: StackConfig) -> dict[str, str]:
    """The sops files that cannot be shared by key, with their owners: hosts and the deployer."""
    own = {host_file(stack, name): name for name in sorted(stack.hosts)}
    return own | {stack.secrets.file: "the deployer"}


def host_file(stack: StackConfig, host: str) -> str:
    """Path of a host's sops file, relative to the stack file."""
    return stack.secrets.hosts.replace("{host}", host)
