"""Identity: who may pass the forward-auth gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from homelab.model import Model, Name, SecretRef, Str

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(m|h|d|w|M)$")]

FORWARD_AUTH = "/api/authz/forward-auth"
"""The gate's endpoint, which knows every session domain; the one it replaces knows a single one."""
AUTH_REQUEST = "/api/authz/auth-request"
"""The same for Nginx, which takes no redirect for an answer: 401 names the portal instead."""


class Session(Model):
    """How long a sign-in lasts."""

    expiration: Duration = "12h"
    inactivity: Duration = "2h"
    remember_me: Duration = "1M"


class IdentityConfig(Model):
    """`homelab:identity`."""

    provider: Literal["authelia"] = "authelia"
    host: Name
    """Host of the provider; the gate asks it for every request, so it belongs beside the proxy."""
    name: Name = "auth"
    """First label of the portal's host name."""
    users: SecretRef
    """Authelia's user file (names, argon2 hashes, e-mail addresses, groups), kept in sops."""
    groups: list[Name] = Field(default_factory=lambda: ["family", "admins"])
    """Groups that rules may name."""
    session: Session = Session()


@dataclass(frozen=True)
class Rule:
    """One line of the gate's access rules; the first that matches decides."""

    domain: tuple[str, ...]
    policy: str
    """bypass, one_factor, two_factor, or deny."""
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class IdentityPlan:
    """The gate and its rules."""

    host: str
    portal: str
    """Host name of the portal."""
    public_portal: str
    """Host name of the portal on the internet; empty unless a gated name is published."""
    address: str
    """Where the proxy asks: `127.0.0.1:9091`."""
    domain: str
    """Domain of the session cookie on internal names."""
    cookies: tuple[tuple[str, str], ...]
    """(cookie domain, portal URL), the narrowest domain first."""
    public_names: tuple[str, ...]
    """Gated names on the internet, whose visitors sign in at the public portal."""
    rules: tuple[Rule, ...]
    session: Session

    def uri(self, name: str) -> str:
        """What the proxy asks the gate about a request to `name`."""
        return FORWARD_AUTH + self.query(name)

    def query(self, name: str) -> str:
        """What that question adds to the endpoint.

        The cookie's domain decides which portal a stranger is sent to; where names at home and
        names on the internet share a domain, the request says it.
        """
        url = f"https://{self.public_portal if name in self.public_names else self.portal}"
        default = next((u for d, u in self.cookies if name == d or name.endswith(f".{d}")), url)
        return "" if url == default else f"?authelia_url={url}"
