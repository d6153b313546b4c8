"""`homelab:secrets`: the deployer's keys, and epochs of derived secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from homelab.config.base import Model, Name, SecretRef, Str, TreePath, pattern
from homelab.config.types import HostFile
from homelab.secrets.age import check_recipient

EpochKey = Annotated[
    Str,
    pattern(
        r"[a-z][a-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)?",
        "this is not a service or one of its secrets; write miniflux, or miniflux.oidc",
    ),
]
"""A service, or one secret of a service."""


class SecretsConfig(Model):
    """`homelab:secrets`."""

    file: TreePath = "secrets/deploy.yaml"
    """Sops file of the deployer, with the secrets that `pulumi up` needs (tokens, the master key).
    """
    hosts: HostFile = "secrets/{host}.yaml"
    """Sops file of each host, which sops-nix decrypts there."""
    master: SecretRef | None = None
    """The master key that internal secrets are derived from: 32 random bytes in base64."""
    namespace: Name | None = None
    """Separates the derived secrets of this stack from those of another stack with the same master
    key. Leave it empty in the first stack, and write the stack's name in any other before its first
    `up`: a change replaces every derived secret."""
    epochs: dict[EpochKey, int] = Field(default_factory=dict)
    """Raise the number of a service to rotate every secret that is derived for it, and of one of
    its secrets to rotate that one alone: `{miniflux.oidc: 2}`; of `acme` to rotate the DNS-01
    tokens; of `tailscale` to rotate the keys of hosts that have not joined yet."""
    operators: list[Annotated[Str, AfterValidator(check_recipient)]] = Field(default_factory=list)
    """age recipients of the people who may edit the sops files."""

    def epoch(self, service: str, secret: str = "") -> int:
        """The epoch of a service, or of one of its secrets: a raise of either rotates the secret.
        The first epoch is 1.
        """
        own = self.epochs.get(f"{service}.{secret}", 1) if secret else 1
        return self.epochs.get(service, 1) + own - 1
