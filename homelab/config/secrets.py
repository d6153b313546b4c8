"""`homelab:secrets`: the deployer's keys, and epochs of derived secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from homelab.config.base import Model, Name, SecretRef, Str, TreePath
from homelab.config.types import HostFile
from homelab.secrets.age import check_recipient


class SecretsConfig(Model):
    """`homelab:secrets`."""

    file: TreePath = "secrets/deploy.yaml"
    """Sops file of the deployer: what `pulumi up` itself needs (tokens, the master key)."""
    hosts: HostFile = "secrets/{host}.yaml"
    """Sops file of each host: what sops-nix decrypts there."""
    master: SecretRef | None = None
    """The master key that internal secrets are derived from: 32 random bytes, base64."""
    namespace: Name | None = None
    """Sets what is derived here apart from what another stack derives from the same master key.
    The first stack needs none; another writes its own name, before its first `up`: each derived
    secret changes with it."""
    epochs: dict[Name, int] = Field(default_factory=dict)
    """Raise a service's number to rotate every secret that is derived for it, `acme` for the tokens
    of DNS-01, and `tailscale` for the keys of hosts that have yet to join."""
    operators: list[Annotated[Str, AfterValidator(check_recipient)]] = Field(default_factory=list)
    """age recipients of the people who may edit the sops files."""
