"""Who issues the certificates of internal names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Model, SecretRef, Str, TreePath

INTERNAL = "internal"
"""What `network.entry.acme.provider` calls an authority of the homelab's own."""


Variable = Annotated[Str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,62}$")]


Setting = Annotated[Str, Field(pattern=r"^[A-Za-z0-9._:/@+,=-]{1,200}$")]


class Issuer(Model):
    """Who certifies the names at home. With `homelab:cloudflare` alone it is Let's Encrypt, which
    is shown by the zone's DNS there that they are ours.
    """

    provider: Annotated[Str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")]
    """Code of the DNS provider in lego, which asks Let's Encrypt: `desec`, `hetzner`, `ovh`; or
    internal, an authority of the homelab's own, which devices have to be told to trust."""
    credentials: dict[Variable, SecretRef] = Field(default_factory=dict)
    """What lego wants to sign in with, by the names of its variables, from the sops file of the
    entry host: `{DESEC_TOKEN: {sops: acme/desec}}`."""
    settings: dict[Variable, Setting] = Field(default_factory=dict)
    """What else lego wants to know, and nobody need hide: `{OVH_ENDPOINT: ovh-eu}`."""
    resolver: Annotated[Str, Field(pattern=r"^[0-9.]{7,15}:[1-9][0-9]{0,4}$")] | None = None
    """Who is asked whether the challenge is there: `1.1.1.1:53`, which is the default."""
    root: TreePath | None = None
    """With internal: the root certificate beside the stack file, `ca/root.crt`."""
    key: SecretRef | None = None
    """With internal: its private key, in PEM, from the sops file of the entry host."""

    @model_validator(mode="after")
    def _one_way(self) -> Issuer:
        mine = {"root": self.root, "key": self.key}
        theirs = {
            "credentials": self.credentials,
            "settings": self.settings,
            "resolver": self.resolver,
        }
        internal = self.provider == INTERNAL
        for name, value in (theirs if internal else mine).items():
            if value:
                whose = "a DNS provider" if internal else "provider: internal"
                raise ValueError(f"{name} belongs to {whose}; leave it out")
        if internal and not (self.root and self.key):
            raise ValueError(
                "an authority of its own has a certificate and a key; add root: ca/root.crt and "
                "key: {sops: ca/key}, made as the guide's page on certificates says"
            )
        if not internal and not self.credentials:
            variable = {"desec": "DESEC_TOKEN"}.get(self.provider, "VARIABLE")
            raise ValueError(
                f"{self.provider} lets nobody in without credentials; add those that "
                f"https://go-acme.github.io/lego/dns/{self.provider} names, as "
                f"credentials: {{{variable}: {{sops: acme/{self.provider}}}}}"
            )
        return self

    @property
    def is_internal(self) -> bool:
        """Whether the homelab signs its own certificates."""
        return self.provider == INTERNAL
