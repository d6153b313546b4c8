"""Certificates of the names at home: who signs them, and what the plan knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CREDENTIALS = "acme"
"""Service of the secrets that a DNS provider wants, each by the name of its variable."""
AUTHORITY_KEY = ("authority", "key")
"""Service and name of the secret that is the authority's private key."""
ROOT = "ca/root.crt"
"""The root certificate in the tree of every host."""
PAGE_NAME = "ca"
"""First label of the name where the root is handed out."""
PAGE_PORT = 8181
"""Where the page of the root answers: plain HTTP on 127.0.0.1 of the entry host."""

SIGNER = "homelab-certificates"
"""Unit that signs with the authority's key."""


def secret_of(variable: str) -> str:
    """Name of the secret behind one of lego's variables."""
    return variable.lower().replace("_", "-")


Kind = Literal["cloudflare", "dns", "internal", "none"]
"""cloudflare: Let's Encrypt, by a DNS-01 token that is issued at Cloudflare; dns: Let's Encrypt,
by another provider's DNS; internal: an authority of the homelab's own; none: nobody."""


@dataclass(frozen=True)
class Certificate:
    """One certificate of the entry host: the names one label below a domain."""

    host: str
    domain: str
    names: tuple[str, ...]
    """The names that there are, for an authority that vouches for each."""


@dataclass(frozen=True)
class CertificatesPlan:
    """Every certificate, and who signs them."""

    kind: Kind
    certificates: tuple[Certificate, ...]
    page: str = ""
    """Name where the authority's root is handed out, on plain HTTP; empty without one."""

    @property
    def directory(self) -> str:
        """Where the proxy finds them, a directory for each domain."""
        return "/var/lib/homelab-certificates" if self.kind == "internal" else "/var/lib/acme"

    @property
    def is_acme(self) -> bool:
        """Whether `security.acme` fetches them."""
        return self.kind in ("cloudflare", "dns")

    def files(self, domain: str) -> tuple[str, str]:
        """The certificate of a domain, with its chain, and its key."""
        return f"{self.directory}/{domain}/fullchain.pem", f"{self.directory}/{domain}/key.pem"
