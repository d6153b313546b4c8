"""Secrets: references in, demands out. A value never passes through here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from homelab.config.base import SecretRef
from homelab.grouping import grouped
from homelab.secret_paths import Source

RESTIC = "restic"
"""What passwords of repositories belong to."""


def restic_purpose(target: str, host: str) -> str:
    """What the password of a host's repositories at a target is derived for."""
    return f"{RESTIC}/{target}@{host}"


def scoped(namespace: str | None, purpose: str) -> str:
    """A purpose within a namespace. No purpose has a colon, so none is another stack's."""
    return f"{namespace}:{purpose}" if namespace else purpose


@dataclass(frozen=True)
class Secret:
    """One secret on one host: where it comes from, where it lies and who reads it."""

    name: str
    """Unique on the host: `miniflux-admin`."""
    host: str
    service: str
    source: Source
    path: str
    """Where the unit finds it."""
    owner: str
    mode: str
    form: Literal["file", "env"]
    env: tuple[tuple[str, str], ...]
    """For form env: (variable, template with `{value}`)."""
    key: str
    """Key in the host's sops file (stored)."""
    purpose: str
    """What it is derived for (derived): no two share it, and it moves with its service. The issued
    thing's name (issued): of the tunnel, of the token, of the host that joins."""
    epoch: int
    length: int
    units: tuple[str, ...]
    """Units to restart when it changes, with their suffix: `miniflux.service`."""
    origin: str
    """Place in the stack config that demands it."""
    hashed: bool = False
    """The host gets a PBKDF2 hash of it: it checks the secret and never shows it."""
    seals: str = ""
    """What it has encrypted, which another value does not open."""
    half: Literal["", "private", "public"] = ""
    """The host gets one half of an SSH key that follows from it."""


@dataclass(frozen=True)
class SecretsPlan:
    """Every secret of every host."""

    secrets: tuple[Secret, ...]
    file: str
    master: SecretRef | None

    def on(self, host: str) -> tuple[Secret, ...]:
        """What this host may read."""
        return self._on.get(host, ())

    @cached_property
    def _on(self) -> Mapping[str, tuple[Secret, ...]]:
        return grouped(self.secrets, lambda s: s.host)


@dataclass(frozen=True)
class SopsFile:
    """What an encrypted file shows to somebody without a key: names, and who can read it."""

    path: str
    encrypted: bool
    kinds: Mapping[str, str]
    """Key path (`a/b`) to the kind of its value: str, int, float, bool, or plain for a value that
    is not encrypted."""
    recipients: frozenset[str]
    """age recipients."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Key path to the bytes of its value, which a cipher that adds none lets show."""
