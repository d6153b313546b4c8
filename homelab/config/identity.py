"""`homelab:identity`: the identity provider, its users, and access rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.base import Model, Name, ServiceSecretRef, Str, WebPath, pattern
from homelab.config.oidc import CLAIMS, SCOPES, Claim, ClientId, Endpoints, Issuer, OidcScope

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(m|h|d|w|M)$")]


Policy = Literal["bypass", "one_factor", "two_factor", "deny"]


Provider = Literal["authelia", "pocket-id", "external"]


def _known_provider(value: object) -> object:
    if isinstance(value, str) and value not in get_args(Provider):
        raise ValueError(
            "the identity provider is authelia or pocket-id, which run here, or external; for one "
            f"with OpenID Connect that runs elsewhere, such as {value}, write provider: external, "
            "issuer: https://… and client: {client_id: …}"
        )
    return value


class ProxyClient(Model):
    """The client of the auth proxy at an external provider."""

    client_id: ClientId
    """Id of the client. Its redirect URIs are `https://NAME/oauth2/callback` for each name behind
    the auth proxy; `homelab show --oidc` prints them."""
    client_secret: ServiceSecretRef | None = None
    """Its secret. Default: the key `oauth2-proxy/client` in the sops file of the host."""
    scopes: Annotated[list[OidcScope], Field(min_length=1)] = Field(
        default_factory=lambda: list[OidcScope](("openid", "profile", "email", "groups"))
    )
    """Scopes that the auth proxy requests. Leave `groups` out if the provider refuses it."""
    groups_claim: Claim = "groups"
    """Claim of the ID token with the groups of a user, which `groups` of a route refer to."""


class Session(Model):
    """How long a sign-in lasts."""

    expiration: Duration = "12h"
    """Length of a session: at Authelia, and behind the auth proxy of the other providers."""
    inactivity: Duration = "2h"
    """Time without a request after which Authelia ends a session. Only with Authelia."""
    remember_me: Duration = "30d"
    """Length of a session of people who choose to stay signed in, at Authelia; with Pocket ID that
    of every sign-in at the portal. Not with an external provider."""


LIMITS: Mapping[str, tuple[str, ...]] = {
    "authelia": ("inactivity", "expiration", "remember_me"),
    "pocket-id": ("expiration", "remember_me"),
    "external": ("expiration",),
}
"""Limits of a session that each provider applies, the shorter one first."""


class Directory(Model):
    """An LDAP directory of the users, instead of a file."""

    kind: Literal["openldap", "lldap"] = "openldap"
    """openldap: without a page of its own; lldap: with a page on which people change their
    details and their password, and the owner adds people."""
    base_dn: Annotated[Str, Field(pattern=r"^dc=[a-z0-9-]+(,dc=[a-z0-9-]+)*$")]
    """Base DN of the directory: `dc=example,dc=org`."""
    members: dict[Name, list[Name]] = Field(default_factory=dict)
    """Members of each group: `{family: [kim]}`. The owner is in every group."""


class RuleConfig(Model):
    """An access rule in addition to those that follow from the routes."""

    priority: Annotated[int, Field(ge=0, le=79)]
    """Position among all rules. Rules are tried from the lowest number up, and the first match
    decides. 0 to 19 for bypass, 20 to 49 for two_factor and deny, 50 to 64 for one_factor, 65 to 79
    for single paths."""
    route: Name
    """Name of the route that the rule applies to."""
    policy: Policy
    paths: list[WebPath] = Field(default_factory=list)
    """Paths that the rule applies to, with any query: `/admin` alone, or `/admin/*` with everything
    below it. Default: every path."""
    resources: list[Str] = Field(default_factory=list)
    """Regular expressions, for paths that `paths` cannot describe: `^/u/[0-9]+/edit$`. They are
    matched against the path without its query: `$` is the end of the path, and `.` does not match
    `?`."""
    groups: list[Name] = Field(default_factory=list)
    """Groups that the rule applies to. Default: everybody."""
    users: list[Name] = Field(default_factory=list)
    """Users that the rule applies to, in addition to the groups."""


ClaimRule = Annotated[
    Str,
    pattern(
        r"(?!.*\{\{)[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*",
        "this is not an expression of one line; write an attribute of the user, username, or an "
        "expression without {{",
    ),
]
"""Authelia's configuration is a template, in which {{ has a meaning of its own."""


KANIDM_ISSUER = re.compile(r"https://[^/]+/oauth2/openid/\{client\}")
"""Issuers of Kanidm: one for each client."""
_OF_AUTHELIA = ("users", "directory", "rules", "scopes", "claims")
"""Keys that only Authelia has."""


class IdentityConfig(Model):
    """`homelab:identity`."""

    provider: Annotated[Provider, BeforeValidator(_known_provider)] = "authelia"
    """authelia: passwords and second factors; pocket-id: passkeys, with oauth2-proxy as auth proxy
    in front of apps without a sign-in of their own; external: a provider with OpenID Connect that
    homelab does not run, such as Keycloak, with oauth2-proxy as well."""
    host: Name
    """Host of the identity provider, and of the auth proxy. The auth proxy is asked at every
    request, so the entry host is the best place."""
    issuer: Issuer | None = None
    """Issuer of an external provider: `https://id.example.org/realms/home`. Write `{client}` where
    each client has an issuer of its own: `https://id.example.org/application/o/{client}/`."""
    endpoints: Endpoints | None = None
    """Endpoints of an external provider, for apps that want them in place of the issuer, such as
    Grafana. homelab knows those of Authelia, Pocket ID and Kanidm."""
    client: ProxyClient | None = None
    """Client of the auth proxy at an external provider."""
    kanidm: Name | None = None
    """Host on which a module of your own runs the external provider, as `services.kanidm`. homelab
    then creates the clients and `groups` in it, with derived secrets."""
    name: Name = "auth"
    """First label of the sign-in portal's host name."""
    users: ServiceSecretRef | None = None
    """Authelia's users file (names, argon2 hashes, e-mail addresses, groups), which is a
    secret."""
    directory: Directory | None = None
    """An LDAP directory instead of the users file."""
    groups: list[Name] = Field(default_factory=lambda: ["family", "admins"])
    """Groups that rules may name. In a directory they are created, with the owner in each."""
    scopes: dict[OidcScope, list[Claim]] = Field(default_factory=dict)
    """OIDC scopes besides those that every provider knows, and the claims that each gives:
    `{roles: [is_admin]}`. An app asks for one in its `scopes`."""
    claims: dict[Claim, ClaimRule] = Field(default_factory=dict)
    """Claims besides those that every provider has, each with the expression (CEL) that Authelia
    computes it with: `{is_admin: '"admins" in groups'}`, or the name of an attribute:
    `{login: username}`."""
    session: Session = Session()
    rules: list[RuleConfig] = Field(default_factory=list)
    """Access rules in addition to those that follow from the routes."""
    api_key: ServiceSecretRef | None = None
    """Key for Pocket ID's API, created in its settings. Needed with NixOS releases before 26.05,
    whose Pocket ID accepts no key from a file."""

    @property
    def service(self) -> str:
        """The service with the sign-in portal; empty for an external provider."""
        return "" if self.provider == "external" else self.provider

    @model_validator(mode="after")
    def _own_names(self) -> IdentityConfig:
        taken = [*(set(self.scopes) & set(SCOPES)), *(set(self.claims) & set(CLAIMS))]
        if taken:
            raise ValueError(
                f"every provider has {', '.join(sorted(taken))} already; choose another name"
            )
        return self

    @model_validator(mode="after")
    def _fits_provider(self) -> IdentityConfig:
        if self.provider == "authelia" and (self.users is None) == (self.directory is None):
            raise ValueError("Authelia has one source of users; write users or directory")
        if self.provider == "external" and (self.issuer is None or self.client is None):
            raise ValueError(
                "homelab has to know an external provider; write issuer: https://… and client: "
                "{client_id: …}"
            )
        elsewhere = ("issuer", "endpoints", "client", "kanidm")
        stated = [key for key in elsewhere if getattr(self, key) is not None]
        if stated and self.provider != "external":
            raise ValueError(
                f"only an external provider has {' and '.join(stated)}; write provider: external, "
                f"or leave {', '.join(stated)} out"
            )
        if self.provider != "pocket-id" and self.api_key is not None:
            raise ValueError("api_key is for pocket-id; leave it out")
        where = "" if self.provider == "external" else " itself"
        for key in _OF_AUTHELIA if self.provider != "authelia" else ():
            if getattr(self, key):
                raise ValueError(f"{self.provider} stores its users{where}; leave {key} out")
        return self

    @model_validator(mode="after")
    def _elsewhere(self) -> IdentityConfig:
        if self.provider != "external":
            return self
        if self.kanidm is not None and not KANIDM_ISSUER.fullmatch(self.issuer or ""):
            raise ValueError(
                "Kanidm has an issuer for each client; write issuer: "
                "https://NAME/oauth2/openid/{client}, with the name of serverSettings.origin"
            )
        if self.endpoints is not None and KANIDM_ISSUER.fullmatch(self.issuer or ""):
            raise ValueError("the endpoints of Kanidm follow from its issuer; leave endpoints out")
        if self.kanidm is not None and self.client and self.client.client_secret is not None:
            raise ValueError(
                "homelab derives the secrets of clients at Kanidm; leave client.client_secret out"
            )
        if "name" in self.model_fields_set:
            raise ValueError("the portal's name is in the issuer; leave name out")
        return self

    @model_validator(mode="after")
    def _limits(self) -> IdentityConfig:
        for key in sorted(self.session.model_fields_set - {*LIMITS[self.provider]}):
            who = "the external provider decides how long a sign-in there lasts"
            if self.provider == "pocket-id":
                who = f"Pocket ID has no limit for {key}"
            raise ValueError(f"{who}; leave session.{key} out")
        return self
