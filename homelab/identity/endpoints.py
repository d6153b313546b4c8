"""What an app asks an identity provider for, and where: its scopes, and single endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from homelab.config.identity import IdentityConfig
from homelab.config.oidc import ENDPOINTS

AUTHELIA: Mapping[str, str] = {
    "authorization_endpoint": "/api/oidc/authorization",
    "token_endpoint": "/api/oidc/token",
    "userinfo_endpoint": "/api/oidc/userinfo",
    "jwks_uri": "/jwks.json",
}
"""Paths below Authelia's issuer: `internal/oidc/const.go`."""
POCKET_ID: Mapping[str, str] = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/api/oidc/token",
    "userinfo_endpoint": "/api/oidc/userinfo",
    "jwks_uri": "/.well-known/jwks.json",
}
"""Paths below Pocket ID's issuer: `well_known_controller.go`."""
_KANIDM = re.compile(r"(https://[^/]+)/oauth2/openid/[^/]+/?")
"""An issuer of Kanidm, which has one for each client."""


def endpoints(config: IdentityConfig, issuer: str, client: str) -> dict[str, str]:
    """The URL of each of `ENDPOINTS` for a client with this issuer and id; empty if neither the
    provider nor the stack config tells it.
    """
    known = {"authelia": AUTHELIA, "pocket-id": POCKET_ID}.get(config.provider)
    if known is not None:
        return {name: f"{issuer}{path}" for name, path in known.items()}
    if kanidm := _KANIDM.fullmatch(issuer):
        return _of_kanidm(kanidm[1], issuer.rstrip("/"))
    stated = config.endpoints.model_dump() if config.endpoints is not None else {}
    return {name: (stated.get(name) or "").replace("{client}", client) for name in ENDPOINTS}


def requested(config: IdentityConfig, scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes that an app asks for. Kanidm refuses a sign-in with a scope that the client lacks,
    and the clients of homelab there have the groups in a claim, without the scope.
    """
    return tuple(s for s in scopes if s != "groups" or config.kanidm is None)


def _of_kanidm(origin: str, issuer: str) -> dict[str, str]:
    """Kanidm's book, "OAuth2": two endpoints belong to the server, and two to each client."""
    return {
        "authorization_endpoint": f"{origin}/ui/oauth2",
        "token_endpoint": f"{origin}/oauth2/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/public_key.jwk",
    }
