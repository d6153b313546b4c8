"""Planned secrets of hosts. They contain references, never values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from homelab.config.base import SecretRef
from homelab.grouping import grouped
from homelab.secret_paths import Source

RESTIC = "restic"
"""Service name of the repository passwords."""
ONEPASSWORD = ("onepassword", "token")
"""Service and name of the secret with which a host fetches others from 1Password."""


def restic_purpose(target: str, host: str) -> str:
    """Purpose of the password of a host's repositories at a target."""
    return f"{RESTIC}/{target}@{host}"


def scoped(namespace: str | None, purpose: str) -> str:
    """A purpose within a namespace. A purpose has no colon, so purposes of stacks never collide."""
    return f"{namespace}:{purpose}" if namespace else purpose


@dataclass(frozen=True)
class Secret:
    """One secret on one host: its source, its path and its readers."""

    name: str
    """Unique on the host: `miniflux-admin`."""
    host: str
    service: str
    source: Source
    path: str
    """Path of the file that the unit reads."""
    owner: str
    mode: str
    form: Literal["file", "env"]
    env: tuple[tuple[str, str], ...]
    """For form env: (variable, template with `{value}`)."""
    key: str
    """Stored: key in the host's sops file. Fetched: 1Password reference. Provided: path on the
    host."""
    purpose: str
    """Derived: the input of the derivation, unique, and unchanged when the service moves.
    Issued: the name of the tunnel, the token or the joining host."""
    epoch: int
    length: int
    units: tuple[str, ...]
    """Units to restart when it changes, with their suffix: `miniflux.service`."""
    origin: str
    """Place in the stack config that requires it."""
    hashed: Literal["", "pbkdf2", "bcrypt"] = ""
    """The host gets this hash of it: the service only verifies the secret."""
    encrypts: str = ""
    """What it has encrypted and no other value can decrypt."""
    half: Literal["", "private", "public"] = ""
    """The host gets this half of an SSH key pair that is derived from it."""
    copy: bool = False
    """Another secret has the same value, and its epoch counts."""

    @property
    def is_sent(self) -> bool:
        """Whether the deployer makes its value and sends it with each release."""
        return self.source in ("derived", "issued")

    @property
    def is_placed(self) -> bool:
        """Whether a unit of the host fetches it, or makes variables of a file that is there."""
        return self.source == "fetched" or (self.source == "provided" and self.form == "env")

    @property
    def label(self) -> str:
        """Its name within the service: `admin`."""
        return self.name.removeprefix(f"{self.service}-")

    @property
    def epoch_key(self) -> str:
        """The key of `secrets.epochs` for this secret alone."""
        return f"{self.service}.{self.label}"


@dataclass(frozen=True)
class SecretsPlan:
    """Every secret of every host."""

    secrets: tuple[Secret, ...]
    file: str
    master: SecretRef | None

    def stored_on(self, host: str) -> tuple[Secret, ...]:
        """The host's secrets in sops files. One without a key is a 1Password reference, which the
        check secret-known reports.
        """
        return tuple(s for s in self.on(host) if s.source == "stored" and s.key)

    def on(self, host: str) -> tuple[Secret, ...]:
        """The secrets of this host."""
        return self._on.get(host, ())

    @cached_property
    def _on(self) -> Mapping[str, tuple[Secret, ...]]:
        return grouped(self.secrets, lambda s: s.host)


@dataclass(frozen=True)
class SopsFile:
    """The contents of a sops file that are readable without a key: key names and recipients."""

    path: str
    encrypted: bool
    kinds: Mapping[str, str]
    """Key path (`a/b`) to the kind of its value: str, int, float, bool, or plain for a value that
    is not encrypted."""
    recipients: frozenset[str]
    """age recipients."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Key path to the length of its value in bytes, which AES-GCM does not hide."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Key path to the day on which `homelab secret set` last wrote its value, YYYY-MM-DD."""
    unchanged: Mapping[str, str] = field(default_factory=dict)
    """Key path to a day since which its value has not changed, for values of other programs."""
    modified: str = ""
    """Day on which sops last wrote the file; empty if it does not say."""
