"""Secrets: references in, demands out. A value never passes through here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from homelab.model import Model, Name, SecretRef, Str, TreePath, grouped
from homelab.secrets.age import check_recipient
from homelab.words import HostFile

Source = Literal["stored", "derived", "minted"]


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
    """What it is derived for (derived): no two share it, and it moves with its service. The minted
    thing's name (minted): of the tunnel, of the token, of the host that joins."""
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
