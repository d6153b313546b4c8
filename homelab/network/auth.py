"""How people sign in to a route whose `auth` is not set."""

from __future__ import annotations

from homelab.config.base import Audience, Auth
from homelab.config.service_base import ServiceConfig


def default_auth(audience: Audience, kinds: tuple[Auth, ...]) -> Auth:
    """The sign-in of a route whose `auth` is not set.

    The operator and the public have none beside a native one: the tailnet identifies the operator.
    A family member signs in at the app if it can, else at the auth proxy. `oidc` is never a
    default, because it changes the accounts of an app.
    """
    if audience != "family":
        return "native" if kinds[0] == "native" else "none"
    return next((k for k in kinds if k not in ("none", "oidc")), "forward")


def asked_auths(
    config: ServiceConfig, audience: Audience, kinds: tuple[Auth, ...]
) -> frozenset[Auth]:
    """The sign-ins of all routes of a service; audience and kinds are those of its entry."""
    routes = config.routes if config.routes is not None else [config]
    return frozenset(r.auth or default_auth(r.audience or audience, kinds) for r in routes)
