"""Identity: who may pass the gate, and which apps ask our provider themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from homelab.model import Model, Name, SecretRef, Str, WebPath

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(m|h|d|w|M)$")]
Policy = Literal["bypass", "one_factor", "two_factor", "deny"]
Provider = Literal["authelia", "pocket-id"]
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


def _known_provider(value: object) -> object:
    if isinstance(value, str) and value not in get_args(Provider):
        raise ValueError(
            "the sign-in is kept by authelia or pocket-id, and by no provider elsewhere; name one "
            "of them, or leave the section out and let apps ask by themselves (auth: native)"
        )
    return value


def api_key_source(config: IdentityConfig) -> Literal["stored", "derived"]:
    """Where the key to Pocket ID's API comes from: from its own settings, or from us."""
    return "stored" if config.api_key is not None else "derived"


class Session(Model):
    """How long a sign-in lasts."""

    expiration: Duration = "12h"
    inactivity: Duration = "2h"
    remember_me: Duration = "30d"


class Directory(Model):
    """The people, in an LDAP directory beside the provider instead of a file."""

    kind: Literal["openldap"] = "openldap"
    base_dn: Annotated[Str, Field(pattern=r"^dc=[a-z0-9-]+(,dc=[a-z0-9-]+)*$")]
    """What every entry hangs off: `dc=example,dc=org`."""
    members: dict[Name, list[Name]] = Field(default_factory=dict)
    """Members by group: `{family: [kim]}`. The owner is in every group."""


class RuleConfig(Model):
    """An access rule beside those that follow from the routes."""

    priority: Annotated[int, Field(ge=0, le=79)]
    """Place among all rules, the lowest first; the first that matches decides. 0 to 19 for
    bypass, 20 to 49 for two_factor and deny, 50 to 64 for one_factor, 65 to 79 for single paths."""
    route: Name
    """The route it is about, by its name."""
    policy: Policy
    paths: list[WebPath] = Field(default_factory=list)
    """Paths it is about, whatever their query: `/admin` alone, `/admin/*` with all below; every
    path when empty."""
    resources: list[Str] = Field(default_factory=list)
    """The same as regular expressions, where paths cannot say it: `^/u/[0-9]+/edit$`. They are
    asked of the path alone: `$` is its end, and no `.` is a `?`."""
    groups: list[Name] = Field(default_factory=list)
    """Groups it is about; everybody when empty."""
    users: list[Name] = Field(default_factory=list)
    """Users it is about, beside the groups."""


class IdentityConfig(Model):
    """`homelab:identity`."""

    provider: Annotated[Provider, BeforeValidator(_known_provider)] = "authelia"
    """authelia (passwords and second factors), or pocket-id (passkeys, with oauth2-proxy as the
    gate in front of apps that cannot ask)."""
    host: Name
    """Host of the provider; the gate asks it for every request, so it belongs beside the proxy."""
    name: Name = "auth"
    """First label of the portal's host name."""
    users: SecretRef | None = None
    """Authelia's user file (names, argon2 hashes, e-mail addresses, groups), kept in sops."""
    directory: Directory | None = None
    """An LDAP directory in place of the file."""
    groups: list[Name] = Field(default_factory=lambda: ["family", "admins"])
    """Groups that rules may name. In a directory they are made, with the owner in each."""
    session: Session = Session()
    rules: list[RuleConfig] = Field(default_factory=list)
    """Access rules beside those that follow from the routes."""
    api_key: SecretRef | None = None
    """Key to Pocket ID's API, made in its settings: releases before 26.05 take none from us."""

    @model_validator(mode="after")
    def _people(self) -> IdentityConfig:
        if self.provider == "authelia":
            if (self.users is None) == (self.directory is None):
                raise ValueError("Authelia finds its people in one place; write users or directory")
            if self.api_key is not None:
                raise ValueError("api_key is for pocket-id; leave it out")
        else:
            for word, value in (
                ("users", self.users),
                ("directory", self.directory),
                ("rules", self.rules),
            ):
                if value:
                    raise ValueError(f"pocket-id keeps its people itself; leave {word} out")
        return self


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
class GatePlan:
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
    gate: GatePlan

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
