"""Identity: who may pass the gate, and which apps ask our provider themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homelab.config.identity import IdentityConfig, Policy, Provider, Session

CLAIMS_POLICY = "25.05"
"""First release whose Authelia (4.39) has claims policies; the ones before put all of them into the
ID token by themselves."""

LDAP_PASSWORD = "ldap"
"""Secret of the provider's service that holds its password for the directory."""
LDAP_OWNER = "owner"
"""Secret of the directory's service that holds the owner's first password."""
STATIC_KEY = "26.05"
"""First release whose Pocket ID takes a key to its API from us (2.2)."""
API_KEY = "api-key"
"""Secret of Pocket ID's service that holds the key to its API."""


def api_key_source(config: IdentityConfig) -> Literal["stored", "derived"]:
    """Where the key to Pocket ID's API comes from: from its own settings, or from us."""
    return "stored" if config.api_key is not None else "derived"


@dataclass(frozen=True)
class Rule:
    """One line of the gate's access rules; the first that matches decides."""

    domain: tuple[str, ...]
    policy: Policy
    subjects: tuple[str, ...]
    """`group:admins`, `user:sam`; everybody when empty."""
    resources: tuple[str, ...]
    """Regular expressions of path and query together, as Authelia asks them; every path when
    empty."""
    source: str
    priority: int = 50
    route: str = ""
    said: tuple[str, ...] = ()
    """The same paths and expressions as the stack says them."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups among the subjects."""
        return tuple(s.removeprefix("group:") for s in self.subjects if s.startswith("group:"))


@dataclass(frozen=True)
class OidcClient:
    """An app that asks the provider itself, by OpenID Connect."""

    id: str
    """The route's name."""
    name: str
    service: str
    redirects: tuple[str, ...]
    """Every address that the provider may send people back to."""
    scopes: tuple[str, ...]
    id_token: tuple[str, ...]
    """Claims that stand in the ID token itself."""
    policy: Policy
    groups: tuple[str, ...]
    post: bool
    """It sends its secret in the body and not in a header."""
    purpose: str
    """What its secret is derived for."""
    epoch: int
    source: str

    @property
    def secret(self) -> str:
        """Name of the secret, in the provider's service, that holds the hash."""
        return f"oidc-{self.id}"


@dataclass(frozen=True)
class AuthProxyPlan:
    """What the proxy asks about a request to a gated name."""

    kind: Literal["authelia", "oauth2-proxy"]
    address: str
    """Where it is asked: `127.0.0.1:9091`."""
    callbacks: tuple[str, ...] = ()
    """Where oauth2-proxy takes people back from the provider: one for each gated name."""


@dataclass(frozen=True)
class IdentityPlan:
    """The provider, the gate, its rules and its clients."""

    provider: Provider
    host: str
    portal: str
    """Host name of the portal."""
    public_portal: str
    """Host name of the portal on the internet; empty unless it is needed there."""
    address: str
    """Where the provider listens on its host: `127.0.0.1:9091`."""
    domain: str
    """Domain of the session cookie on internal names."""
    cookies: tuple[tuple[str, str], ...]
    """(cookie domain, portal URL), the narrowest domain first."""
    public_names: tuple[str, ...]
    """Gated names on the internet, whose visitors sign in at the public portal."""
    rules: tuple[Rule, ...]
    clients: tuple[OidcClient, ...]
    session: Session
    auth_proxy: AuthProxyPlan

    def issuer(self, *, public: bool) -> str:
        """What an app knows the provider as, by whether the internet knows the app.

        Authelia answers by each of its names. Pocket ID has one, which its passkeys are bound to.
        """
        if self.provider == "pocket-id":
            public = bool(self.public_portal)
        return f"https://{self.public_portal if public else self.portal}"

    def query(self, name: str) -> str:
        """What the question about a request to `name` adds to the endpoint, for Authelia.

        The cookie's domain decides which portal a stranger is sent to; where names at home and
        names on the internet share a domain, the request says it.
        """
        url = f"https://{self.public_portal if name in self.public_names else self.portal}"
        default = next((u for d, u in self.cookies if name == d or name.endswith(f".{d}")), url)
        return "" if url == default else f"?authelia_url={url}"
