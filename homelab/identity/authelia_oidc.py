"""OpenID Connect clients as settings of Authelia."""

from __future__ import annotations

from collections.abc import Collection

from homelab.config.identity import IdentityConfig
from homelab.identity.model import IdentityPlan, OidcClient
from homelab.nix import Attrs, Nix
from homelab.secret_paths import secret_path


def oidc(identity: IdentityPlan, config: IdentityConfig, *, policies: bool) -> Attrs:
    """The OIDC provider's settings. Each client has a hash of its secret, which Authelia reads at
    start.
    """
    grouped = {c.id: c for c in identity.clients if c.groups}
    out: Attrs = {}
    if grouped:
        out["authorization_policies"] = {
            name: {
                "default_policy": "deny",
                "rules": [{"policy": c.policy, "subject": [[f"group:{g}"] for g in c.groups]}],
            }
            for name, c in sorted(grouped.items())
        }
    claims_of = {c.id: c for c in identity.clients if (c.id_token or c.claims) and policies}
    if claims_of:
        out["claims_policies"] = {
            name: _claims(c, config.claims) for name, c in sorted(claims_of.items())
        }
    asked = {s for c in identity.clients for s in c.scopes} & config.scopes.keys()
    if asked and policies:
        out["scopes"] = {name: {"claims": list(config.scopes[name])} for name in sorted(asked)}
    out["clients"] = [_client(c, claims_of) for c in identity.clients]
    return out


def _claims(client: OidcClient, computed: Collection[str]) -> Attrs:
    """Claims that a client gets in its ID token, and those that are computed for it."""
    policy: Attrs = {"id_token": list(client.id_token)} if client.id_token else {}
    if own := [c for c in client.claims if c in computed]:
        policy["custom_claims"] = {c: {"attribute": attribute(c)} for c in own}
    return policy


def attribute(claim: str) -> str:
    """The user attribute that holds a claim of the stack config. Authelia refuses the names of its
    own attributes.
    """
    return f"homelab_{claim}"


def attributes(config: IdentityConfig, identity: IdentityPlan) -> Attrs:
    """The expressions of claims that a client gets."""
    used = sorted({c for client in identity.clients for c in client.claims} & config.claims.keys())
    return {attribute(c): {"expression": config.claims[c]} for c in used}


def _client(client: OidcClient, with_policy: Collection[str]) -> Nix:
    grants: list[Nix] = ["authorization_code"]
    if "offline_access" in client.scopes:
        grants.append("refresh_token")
    policy: Attrs = {"claims_policy": client.id} if client.id in with_policy else {}
    return {
        **policy,
        "client_id": client.id,
        "client_name": client.name,
        **_proof(client),
        "authorization_policy": client.id if client.groups else client.policy,
        "redirect_uris": list(client.redirects),
        "scopes": list(client.scopes),
        "grant_types": grants,
        "response_types": ["code"],
        # No consent page after the sign-in.
        "consent_mode": "implicit",
    }


def _proof(client: OidcClient) -> Attrs:
    """How a client proves who it is: with its secret, or with PKCE if it cannot keep one."""
    if client.public:
        return {
            "public": True,
            "require_pkce": True,
            "pkce_challenge_method": "S256",
            "token_endpoint_auth_method": "none",
        }
    hashed = secret_path("authelia", client.secret, "derived", "file")
    method = "client_secret_post" if client.post else "client_secret_basic"
    return {
        "client_secret": f'{{{{ secret "{hashed}" }}}}',
        "token_endpoint_auth_method": method,
    }
