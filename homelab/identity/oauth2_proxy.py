"""oauth2-proxy: the auth proxy for a provider that has none of its own."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.fact_parts import SecretFact, referred
from homelab.config.identity import Duration, IdentityConfig, ProxyClient
from homelab.identity.endpoints import requested
from homelab.identity.model import ADAPTER, CLIENT_SECRET, IdentityPlan, client_source
from homelab.identity.plan import minutes
from homelab.nix import Attrs, Comment, Module, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import fact_path, secret_path
from homelab.system.model import Host


def settings(identity: IdentityPlan, provider: Attrs) -> Attrs:
    """`services.oauth2-proxy`, with the settings that depend on the provider."""
    return merge(
        attrs(
            "services.oauth2-proxy",
            {
                "enable": True,
                "provider": "oidc",
                "email": {"domains": ["*"]},
                "httpAddress": f"http://{identity.auth_proxy.address}",
                "reverseProxy": True,
                "setXauthrequest": True,
                "upstream": ["static://202"],
                "cookie": {"expire": _go(identity.session.expiration)},
                "extraConfig": {
                    "skip-provider-button": True,
                    # Redirects after the sign-in may go to every protected name.
                    "whitelist-domain": list(identity.auth_proxy.names),
                    "code-challenge-method": "S256",
                },
            },
        ),
        attrs("services.oauth2-proxy", provider),
    )


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`auth-proxy.nix` with an external provider, on the host of the auth proxy."""
    identity, config = plan.identity, plan.stack.identity
    if identity is None or config is None or config.client is None or identity.host != host.name:
        return
    yield Module(
        "auth-proxy.nix",
        "Auth proxy: oauth2-proxy in front of apps without OIDC support",
        derived=merge(settings(identity, _external(identity, config, config.client)), _unit()),
    )


def _external(identity: IdentityPlan, config: IdentityConfig, client: ProxyClient) -> Attrs:
    return {
        "clientID": client.client_id,
        "keyFile": fact_path(
            ADAPTER,
            CLIENT_SECRET,
            referred(SecretFact(source=client_source(config), form="env"), client.client_secret),
        ),
        "oidcIssuerUrl": identity.external,
        # Kanidm gives the claim by itself.
        "scope": " ".join(requested(config, client.scopes)),
        "extraConfig": {"oidc-groups-claim": client.groups_claim},
    }


def _unit() -> Attrs:
    return attrs(
        f"systemd.services.{ADAPTER}",
        {
            "startLimitIntervalSec": Comment(
                "It asks the provider for its endpoints when it starts, and exits without an "
                "answer.",
                0,
            ),
            "serviceConfig": {
                # With the file of the client secret.
                "EnvironmentFile": [secret_path(ADAPTER, "cookie", "derived", "env")],
                "RestartSec": "10s",
            },
        },
    )


def _go(duration: Duration) -> str:
    """A duration as Go writes it."""
    return f"{minutes(duration)}m"
