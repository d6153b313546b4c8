"""`homelab:secrets`: the deployer's keys, epochs of derived secrets, and facts of stored ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homelab.config.base import Model, Name, SecretRef, SopsKey, Str, TreePath, pattern
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

Generator = Literal[
    "password", "hex", "base64", "base64url", "ssh", "wireguard", "age", "htpasswd", "argon2"
]
"""password (letters and digits), hex, base64 and base64url (random), ssh (Ed25519), wireguard and
age (private keys), htpasswd (`user:` and a bcrypt hash), argon2 (an Argon2id hash)."""


class Generate(Model):
    """How `homelab secret set` makes the value of a stored secret, once."""

    sized: ClassVar[tuple[str, ...]] = ("password", "hex", "base64url", "htpasswd", "argon2")

    kind: Generator
    """What to make. Of a hash, the deployer's file gets the password, under the same key."""
    length: Annotated[int, Field(ge=16, le=256)] | None = None
    """Number of characters, of the password for a hash. Default: 32, or 64 for `hex`."""
    user: (
        Annotated[
            Str, pattern(r"[A-Za-z0-9._@-]+", "this is not a user name; write it as people type it")
        ]
        | None
    ) = None
    """User of the line that `htpasswd` makes. Default: the owner."""

    @model_validator(mode="after")
    def _fits_the_kind(self) -> Generate:
        if self.length is not None and self.kind not in self.sized:
            raise ValueError(f"a value of kind {self.kind} has one length; leave length out")
        if self.user is not None and self.kind != "htpasswd":
            raise ValueError("only htpasswd has a user; leave user out")
        return self


class OnePassword(Model):
    """How hosts read 1Password: with a service account."""

    token: SecretRef
    """Key of its token, in the sops file of each host that fetches a secret. Give the account read
    access to one vault, with these secrets alone."""

    @model_validator(mode="after")
    def _is_in_sops(self) -> OnePassword:
        if self.token.sops is None:
            raise ValueError(
                "the token opens 1Password, so it is elsewhere; write token: "
                "{sops: onepassword/token}"
            )
        return self


def _kind(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


Days = Annotated[
    Str, pattern(r"[1-9][0-9]{0,3}d", "this is not a number of days; write 180d, for half a year")
]


class StoredSecret(Model):
    """What is known of a stored secret beyond its value."""

    generate: (
        Annotated[Generate, BeforeValidator(_kind, json_schema_input_type=Generator | Generate)]
        | None
    ) = None
    """How to make its value, as `password` or `{kind: hex, length: 64}`. Default: a person types
    it."""
    file: TreePath | None = None
    """Sops file that contains it, shared by the hosts that read it: `secrets/alerts.yaml`. Default:
    each host's own file."""
    limit: Days | None = None
    """Greatest age: `180d`. `homelab check` warns from two weeks before."""

    @model_validator(mode="after")
    def _says_something(self) -> StoredSecret:
        if self.generate is None and self.limit is None and self.file is None:
            raise ValueError("this says nothing; write generate: password, or limit: 180d")
        return self


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
    onepassword: OnePassword | None = None
    """For secrets of services that their host fetches from 1Password: `{op: …}`."""
    operators: list[Annotated[Str, AfterValidator(check_recipient)]] = Field(default_factory=list)
    """age recipients of the people who may edit the sops files."""
    stored: dict[SopsKey, StoredSecret] = Field(default_factory=dict)
    """Generators and age limits of stored secrets, by their key in the sops files."""

    def epoch(self, service: str, secret: str = "") -> int:
        """The epoch of a service, or of one of its secrets: a raise of either rotates the secret.
        The first epoch is 1.
        """
        own = self.epochs.get(f"{service}.{secret}", 1) if secret else 1
        return self.epochs.get(service, 1) + own - 1
