"""`homelab:identity`: the identity provider, its users, and access rules."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.base import Model, Name, SecretRef, Str, WebPath, pattern
from homelab.config.oidc import CLAIMS, SCOPES, Claim, OidcScope

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(m|h|d|w|M)$")]


Policy = Literal["bypass", "one_factor", "two_factor", "deny"]


Provider = Literal["authelia", "pocket-id"]


def _known_provider(value: object) -> object:
    if isinstance(value, str) and value not in get_args(Provider):
        raise ValueError(
            "the identity provider is authelia or pocket-id, which run here; name one of them, or "
            "leave the section out and let apps sign people in themselves (auth: native)"
        )
    return value


class Session(Model):
    """How long a sign-in lasts."""

    expiration: Duration = "12h"
    inactivity: Duration = "2h"
    remember_me: Duration = "30d"


class Directory(Model):
    """An LDAP directory of the users, instead of a file."""

    kind: Literal["openldap"] = "openldap"
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


class IdentityConfig(Model):
    """`homelab:identity`."""

    provider: Annotated[Provider, BeforeValidator(_known_provider)] = "authelia"
    """authelia: passwords and second factors; pocket-id: passkeys, with oauth2-proxy as auth proxy
    in front of apps without a sign-in of their own."""
    host: Name
    """Host of the identity provider. The auth proxy is asked at every request, so the entry host
    is the best place."""
    name: Name = "auth"
    """First label of the sign-in portal's host name."""
    users: SecretRef | None = None
    """Authelia's users file (names, argon2 hashes, e-mail addresses, groups), kept in sops."""
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
    api_key: SecretRef | None = None
    """Key for Pocket ID's API, created in its settings. Needed with NixOS releases before 26.05,
    whose Pocket ID accepts no key from a file."""

    @model_validator(mode="after")
    def _own_names(self) -> IdentityConfig:
        taken = [*(set(self.scopes) & set(SCOPES)), *(set(self.claims) & set(CLAIMS))]
        if taken:
            raise ValueError(
                f"every provider has {', '.join(sorted(taken))} already; choose another name"
            )
        return self

    @model_validator(mode="after")
    def _people(self) -> IdentityConfig:
        if self.provider == "authelia":
            if (self.users is None) == (self.directory is None):
                raise ValueError("Authelia has one source of users; write users or directory")
            if self.api_key is not None:
                raise ValueError("api_key is for pocket-id; leave it out")
        else:
            for key, value in (
                ("users", self.users),
                ("directory", self.directory),
                ("rules", self.rules),
                ("scopes", self.scopes),
                ("claims", self.claims),
            ):
                if value:
                    raise ValueError(f"pocket-id stores its users itself; leave {key} out")
        return self
