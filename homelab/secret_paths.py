"""Paths and names of secrets on hosts and in the repository."""

from __future__ import annotations

from typing import Literal

from homelab.config.stack import StackConfig

Source = Literal["stored", "derived", "issued"]


def secret_name(service: str, name: str) -> str:
    """A secret's name on its host."""
    return f"{service}-{name}"


FOR_USERS = "/run/secrets-for-users/"
"""Where sops-nix puts what is needed to make accounts, before anything else is there."""


def secret_path(service: str, name: str, source: Source, form: Literal["file", "env"]) -> str:
    """Where a unit finds a secret. Paths are known long before values are.

    Stored ones are where sops-nix puts them; the others are put into place by the release's own
    activation, from what the secrets resource left on the host.
    """
    if source == "stored":
        return f"/run/secrets/{'rendered/' if form == 'env' else ''}{secret_name(service, name)}"
    return f"/run/homelab/secrets/{secret_name(service, name)}"


def host_file(stack: StackConfig, host: str) -> str:
    """The sops file of a host, beside the stack file."""
    return stack.secrets.hosts.replace("{host}", host)
