"""Read a secret by its reference."""

from __future__ import annotations

from pathlib import Path

from homelab.config.base import SecretRef
from homelab.ops.secrets import onepassword, sops
from homelab.ops.secrets.tool import SecretUnavailableError

__all__ = ["SecretUnavailableError", "resolve"]


def resolve(ref: SecretRef, directory: Path, file: str) -> str:
    """The value of a reference. `file` is the sops file with its keys, below `directory`."""
    if ref.op is not None:
        return onepassword.resolve(ref)
    return sops.resolve(ref, directory, file)
