"""`homelab:identity`: the identity provider, its directory, access rules."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from homelab.config.base import Model, Name, SecretRef, Str, WebPath

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(m|h|d|w|M)$")]


Policy = Literal["bypass", "one_factor", "two_factor", "deny"]


Provider = Literal["authelia", "pocket-id"]


def _known_provider(value: object) -> object:
    if isinstance(value, str) and value not in get_args(Provider):
        raise ValueError(
            "the sign-in is kept by authelia or pocket-id, and by no provider elsewhere; name one "
            "of them, or leave the section out and let apps ask by themselves (auth: native)"
        )
    return value


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
