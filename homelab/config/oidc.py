"""OpenID Connect settings of an app: scopes, claims, redirects and its client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar

from pydantic import Field, WithJsonSchema, model_validator

from homelab.config.base import Kind, Model, ServiceSecretRef, Str, pattern

_SCOPE_OF = {
    "address": "address",
    "email": "email",
    "email_verified": "email",
    "family_name": "profile",
    "given_name": "profile",
    "groups": "groups",
    "locale": "profile",
    "name": "profile",
    "nickname": "profile",
    "phone_number": "phone",
    "picture": "profile",
    "preferred_username": "profile",
    "website": "profile",
    "zoneinfo": "profile",
}
CLAIMS = tuple(_SCOPE_OF)
"""Claims that every identity provider has for a user."""
SCOPES = ("openid", "profile", "email", "groups", "offline_access", "address", "phone")
"""Scopes that every identity provider knows."""
_NAME = r"[A-Za-z][A-Za-z0-9_.:-]*"


def _suggested(names: Collection[str]) -> WithJsonSchema:
    """The schema of a name that may be any, with these as the suggestions of an editor."""
    free = {"type": "string", "pattern": f"^{_NAME}$"}
    return WithJsonSchema({"anyOf": [{"enum": list(names)}, free]})


OidcScope = Annotated[
    Str,
    pattern(_NAME, "this is not an OIDC scope; write openid, or offline_access"),
    _suggested(SCOPES),
]
"""An OIDC scope: one of those that every provider knows, or one of `identity.scopes`."""
Claim = Annotated[
    Str,
    pattern(_NAME, "this is not the name of a claim; write email, or groups"),
    _suggested(CLAIMS),
]
"""A claim about a user: one that every provider has, or one of `identity.claims`."""
_PATH = r"(?![^?]*//)(?!([^?]*/)?\.\.?([/?].*)?\Z)/[A-Za-z0-9._~:/?@!&()*+,;=%-]*"
_ELSEWHERE = (
    r"(?!(https?|javascript|data|file):)[a-z][a-z0-9+.-]*:/{1,3}[A-Za-z0-9._~:/?@!&()*+,;=%-]*"
    r"|https://[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?@!&()*+,;=%-]*)?"
    r"|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?@!&()*+,;=%-]*)?"
)
Redirect = Annotated[
    Str,
    pattern(
        rf"{_PATH}|{_ELSEWHERE}",
        "this is not where an app takes people back after a sign-in; write a path of its page, "
        "/oauth2/callback, or the whole address of a program elsewhere, "
        "app.immich:///oauth-callback",
    ),
]
"""A path of the app's page, which counts for each of its names, or a whole URI."""


def check_claims(claims: Collection[str], scopes: Collection[str]) -> None:
    """Raises `ValueError` if a claim that every provider has lacks its scope. A scope of the stack
    may give it too; the check oidc-scope judges those.
    """
    for claim in claims if set(scopes) <= set(SCOPES) else ():
        scope = _SCOPE_OF.get(claim)
        if scope is not None and scope not in scopes:
            raise ValueError(f"the claim {claim} needs the scope {scope}; add it to scopes")


ClientId = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._:@/-]*",
        "this is not a client id; copy it from the page of the client at the provider",
    ),
]
_AT_PROVIDER = (
    r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/([A-Za-z0-9._~-]|\{client\})+)*/?"
)
Issuer = Annotated[
    Str,
    pattern(
        _AT_PROVIDER,
        "this is not an issuer; write it as the provider's discovery document states it, "
        "https://id.example.org/realms/home",
    ),
]
"""The URL that identifies a provider. `{client}` in its path stands for the id of a client."""
Endpoint = Annotated[
    Str,
    pattern(
        _AT_PROVIDER,
        "this is not an endpoint; write it as the provider's discovery document states it, "
        "https://id.example.org/oauth/token",
    ),
]
"""A URL of a provider. `{client}` in its path stands for the id of a client."""


class Endpoints(Model):
    """Endpoints of an external provider, with the names of its discovery document
    (`/.well-known/openid-configuration`).
    """

    authorization_endpoint: Endpoint | None = None
    """Where people sign in: `https://id.example.org/oauth/authorize`."""
    token_endpoint: Endpoint | None = None
    """Where an app exchanges the code of a sign-in for tokens."""
    userinfo_endpoint: Endpoint | None = None
    """Where an app asks for the claims about a user."""
    jwks_uri: Endpoint | None = None
    """The public keys that verify ID tokens."""


ENDPOINTS = tuple(Endpoints.model_fields)
"""Names of the endpoints, which are fields of `$text` too."""


class StatedClient(Kind):
    """The client of an app at an external identity provider, which homelab cannot create."""

    called: ClassVar[str] = "the client of an app with facts"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("redirects", "env", "scopes", "id_token", "post", "public"),
        "leave it out: the facts of the service have it, in the catalog or below module: sign_in; "
        "auth: oidc enables it",
    )

    client_id: ClientId | None = None
    """Id of the client at an external provider. Default: the name of the app's route."""
    client_secret: ServiceSecretRef | None = None
    """Its secret. Default: the key `SERVICE/oidc` in the sops file of the app's host."""
    issuer: Issuer | None = None
    """Issuer for this client alone, if the provider has one for each. Default: `identity.issuer`.
    """


class CustomOidc(StatedClient):
    """OIDC settings of a container or of a service from a flake."""

    redirects: Annotated[list[Redirect], Field(min_length=1)]
    """Redirect paths after a sign-in: `/oauth2/callback`; for a program elsewhere, its whole
    address: `app.example:///callback`."""
    env: Annotated[Str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Environment variable that holds the client secret. Default: a plain file, which options refer
    to as `{$secret: oidc}`."""
    scopes: list[OidcScope] = Field(
        default_factory=lambda: list[OidcScope](("openid", "profile", "email", "groups"))
    )
    """Scopes that the app may request; with `offline_access` it also gets refresh tokens."""
    id_token: list[Claim] = Field(default_factory=list)
    """Claims to put into the ID token, for an app that does not use the userinfo endpoint. From
    4.39 on, Authelia puts none there by default."""
    post: bool = False
    """The app sends its client secret in the request body, not in a header."""
    public: bool = False
    """The app cannot keep a secret, such as a page or a program that runs on people's devices. It
    has none, and proves each sign-in with PKCE."""

    @model_validator(mode="after")
    def _fits(self) -> CustomOidc:
        check_claims(self.id_token, self.scopes)
        check_public(public=self.public, secret=self.env is not None or self.post)
        return self


def check_public(*, public: bool, secret: bool) -> None:
    """Raises `ValueError` if a public client has settings of a client secret."""
    if public and secret:
        raise ValueError(
            "a public client has no secret; leave public out, or what is said of its secret: env, "
            "secret and post"
        )
