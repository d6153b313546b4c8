"""The identity part of the plan: provider, auth proxy, access rules and OIDC clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from homelab.config.identity import IdentityConfig, Policy, Provider, Session

CLAIMS_POLICY = "25.05"
"""First release whose Authelia (4.39) has claims policies; older ones put all claims into the ID
token."""

LDAP_PASSWORD = "ldap"
"""Name of the provider's secret with its password for the directory."""
LDAP_OWNER = "owner"
"""Name of the directory's secret with the owner's first password."""
STATIC_KEY = "26.05"
"""First release whose Pocket ID (2.2) reads its API key from a file."""
API_KEY = "api-key"
"""Name of Pocket ID's secret with its API key."""

KANIDM = "kanidm"
"""The user and the unit of Kanidm."""
ADAPTER_OWNER = "auth-proxy"
"""What stands for a route's name in the secret of the auth proxy at Kanidm."""


def kanidm_secret(route: str) -> str:
    """Name of the secret of a client on the host of Kanidm."""
    return f"oidc-{route}"


BASE_DN = "services.lldap.settings.ldap_base_dn"
"""The option that the directory sets."""
LLDAP = "lldap"
"""The service that is a directory with a web page of its own."""
CLIENT = "gate"
"""Client id of oauth2-proxy at Pocket ID. Existing databases hold it, so it cannot change."""
POCKET_ID_UNIT = "pocket-id-apps"
"""The unit that keeps the OIDC clients of Pocket ID."""

ADAPTER: Final = "oauth2-proxy"
"""The auth proxy for a provider that has none of its own."""
CLIENT_SECRET = "client"
"""Name of oauth2-proxy's secret with its client secret at an external provider."""
CLIENT_VARIABLE = "OAUTH2_PROXY_CLIENT_SECRET"


def api_key_source(config: IdentityConfig) -> Literal["stored", "derived"]:
    """The source of Pocket ID's API key: stored after it was created there, or derived."""
    return "stored" if config.api_key is not None else "derived"


def client_source(config: IdentityConfig) -> Literal["stored", "derived"]:
    """The source of the auth proxy's client secret: stored, or derived for a client at Kanidm."""
    return "stored" if config.kanidm is None else "derived"


@dataclass(frozen=True)
class Rule:
    """An access rule of the auth proxy; the first matching rule decides."""

    domain: tuple[str, ...]
    policy: Policy
    subjects: tuple[str, ...]
    """`group:admins`, `user:sam`; empty for everybody."""
    resources: tuple[str, ...]
    """Regular expressions of path and query together, as Authelia matches them; empty for every
    path."""
    source: str
    priority: int = 50
    route: str = ""
    said: tuple[str, ...] = ()
    """The paths and expressions as written in the stack config."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups among the subjects."""
        return tuple(s.removeprefix("group:") for s in self.subjects if s.startswith("group:"))


@dataclass(frozen=True)
class OidcClient:
    """An app that signs people in by OpenID Connect."""

    id: str
    """The client id: the route's name, or what the stack states for an external provider."""
    route: str
    """The route's name."""
    issuer: str
    name: str
    service: str
    host: str
    """Host of the app."""
    redirects: tuple[str, ...]
    """Redirect URIs."""
    scopes: tuple[str, ...]
    id_token: tuple[str, ...]
    """Claims that the app needs in the ID token."""
    policy: Policy
    groups: tuple[str, ...]
    claims: tuple[str, ...]
    """Claims in those of its scopes that the stack config defines."""
    post: bool
    """Whether it sends its secret in the request body (`client_secret_post`)."""
    public: bool
    """Whether it has no secret and proves each sign-in with PKCE."""
    purpose: str
    """Purpose from which its secret is derived."""
    epoch: int
    source: str

    @property
    def secret(self) -> str:
        """Name of the provider's secret with the hash of the client secret."""
        return f"oidc-{self.route}"


@dataclass(frozen=True)
class AuthProxyPlan:
    """The program that decides about requests to routes with `auth: forward`."""

    kind: Literal["authelia", "oauth2-proxy"]
    address: str
    """Its address: `127.0.0.1:9091`."""
    callbacks: tuple[str, ...] = ()
    """Callback URLs of oauth2-proxy: one for each protected name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that oauth2-proxy protects."""
        return tuple(sorted(c.split("/")[2] for c in self.callbacks))


@dataclass(frozen=True)
class IdentityPlan:
    """The provider, the auth proxy, its access rules and the OIDC clients."""

    provider: Provider
    host: str
    external: str
    """Issuer of an external provider; empty for one that homelab runs."""
    portal: str
    """Host name of the portal."""
    public_portal: str
    """Public host name of the portal; empty if no public route needs it."""
    address: str
    """Address of the provider on its host: `127.0.0.1:9091`."""
    domain: str
    """Domain of the session cookie on internal names."""
    cookies: tuple[tuple[str, str], ...]
    """(cookie domain, portal URL), the narrowest domain first."""
    public_names: tuple[str, ...]
    """Public names with forward auth; their clients sign in at the public portal."""
    rules: tuple[Rule, ...]
    clients: tuple[OidcClient, ...]
    session: Session
    auth_proxy: AuthProxyPlan

    def issuer(self, *, public: bool) -> str:
        """The issuer URL for an app, by whether the app is public.

        Authelia works under each of its names. Pocket ID has one name, to which passkeys are bound.
        """
        if self.external:
            return self.external
        if self.provider == "pocket-id":
            public = bool(self.public_portal)
        return f"https://{self.public_portal if public else self.portal}"

    def query(self, name: str) -> str:
        """The query of Authelia's endpoint for a request to `name`.

        The cookie domain selects the portal for a request without a session. If internal and public
        names share a domain, the query selects it.
        """
        url = f"https://{self.public_portal if name in self.public_names else self.portal}"
        default = next((u for d, u in self.cookies if name == d or name.endswith(f".{d}")), url)
        return "" if url == default else f"?authelia_url={url}"
