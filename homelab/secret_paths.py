"""Paths and names of secrets on hosts and in the repository."""

from __future__ import annotations

from typing import Literal

from homelab.config.stack import StackConfig

Source = Literal["stored", "derived", "issued"]


def secret_name(service: str, name: str) -> str:
    """A secret's name on its host."""
    return f"{service}-{name}"


FOR_USERS = "/run/secrets-for-users/"
"""Directory of secrets that sops-nix installs before accounts are created."""


def secret_path(service: str, name: str, source: Source, form: Literal["file", "env"]) -> str:
    """Path of a secret on its host. The path does not depend on the value.

    sops-nix installs stored secrets. The activation of a release installs the others, from the
    files that the secrets resource left on the host.
    """
    if source == "stored":
        return f"/run/secrets/{'rendered/' if form == 'env' else ''}{secret_name(service, name)}"
    return f"/run/homelab/secrets/{secret_name(service, name)}"


def host_file(stack: StackConfig, host: str) -> str:
    """Path of a host's sops file, relative to the stack file."""
    return stack.secrets.hosts.replace("{host}", host)
