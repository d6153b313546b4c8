"""`network.entry.acme`: how internal names get their certificates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Model, ServiceSecretRef, Str, TreePath

INTERNAL = "internal"
"""Value of `network.entry.acme.provider` for a certificate authority of the homelab's own."""


Variable = Annotated[Str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,62}$")]


Setting = Annotated[Str, Field(pattern=r"^[A-Za-z0-9._:/@+,=-]{1,200}$")]


class Issuer(Model):
    """How internal names get certificates. Without this section they come from Let's Encrypt, with
    DNS-01 challenges in the Cloudflare zone.
    """

    provider: Annotated[Str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")]
    """lego's code of the DNS provider that answers the challenges of Let's Encrypt: `desec`,
    `hetzner`, `ovh`; or `internal`, a certificate authority of the homelab's own, which each device
    has to trust."""
    credentials: dict[Variable, ServiceSecretRef] = Field(default_factory=dict)
    """Secret environment variables for lego, from the sops file of the entry host:
    `{DESEC_TOKEN: {sops: acme/desec}}`."""
    settings: dict[Variable, Setting] = Field(default_factory=dict)
    """Environment variables for lego that are not secret: `{OVH_ENDPOINT: ovh-eu}`."""
    resolver: Annotated[Str, Field(pattern=r"^[0-9.]{7,15}:[1-9][0-9]{0,4}$")] | None = None
    """Resolver that lego asks whether the challenge record is visible. Default: `1.1.1.1:53`."""
    root: TreePath | None = None
    """With `internal`: path of the root certificate, relative to the stack file: `ca/root.crt`."""
    key: ServiceSecretRef | None = None
    """With `internal`: the private key of the root in PEM, from the sops file of the entry host."""

    @model_validator(mode="after")
    def _one_method(self) -> Issuer:
        of_internal = {"root": self.root, "key": self.key}
        of_provider = {
            "credentials": self.credentials,
            "settings": self.settings,
            "resolver": self.resolver,
        }
        internal = self.provider == INTERNAL
        for name, value in (of_provider if internal else of_internal).items():
            if value:
                owner = "a DNS provider" if internal else "provider: internal"
                raise ValueError(f"{name} belongs to {owner}; leave it out")
        if internal and not (self.root and self.key):
            raise ValueError(
                "an internal authority needs a certificate and a key; add root: ca/root.crt and "
                "key: {sops: ca/key}, made as the guide's page on certificates says"
            )
        if not internal and not self.credentials:
            variable = {"desec": "DESEC_TOKEN"}.get(self.provider, "VARIABLE")
            raise ValueError(
                f"{self.provider} needs credentials; add those that "
                f"https://go-acme.github.io/lego/dns/{self.provider} names, as "
                f"credentials: {{{variable}: {{sops: acme/{self.provider}}}}}"
            )
        return self

    @property
    def is_internal(self) -> bool:
        """Whether the homelab signs its own certificates."""
        return self.provider == INTERNAL
