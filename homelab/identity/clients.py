"""The page with the OIDC clients, which the owner creates at an external provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homelab.identity.model import ADAPTER, CLIENT_SECRET, IdentityPlan, OidcClient
from homelab.plan import Plan


def guide(plan: Plan) -> str:
    """The clients with their redirect URIs, scopes and secrets, as a page of Markdown."""
    identity = plan.identity
    parts = ["# OpenID Connect clients"]
    if identity is None:
        parts.append("There is no identity provider: the stack config has no `homelab:identity`.")
        return "\n\n".join(parts) + "\n"
    parts.append(_made_by(plan, identity))
    parts += _auth_proxy(plan, identity)
    for client in identity.clients:
        parts += _app(plan, client)
    return "\n\n".join(parts) + "\n"


def _made_by(plan: Plan, identity: IdentityPlan) -> str:
    if plan.stack.identity is not None and plan.stack.identity.kanidm is not None:
        return f"homelab creates these clients in Kanidm on {plan.stack.identity.kanidm}."
    if identity.external:
        return f"Create these clients at `{identity.external}`."
    return f"homelab creates these clients at {identity.provider}."


def _auth_proxy(plan: Plan, identity: IdentityPlan) -> Iterator[str]:
    config = plan.stack.identity
    if identity.external and config is not None and config.client is not None:
        yield "## Auth proxy"
        secret = _secret(plan, identity.host, ADAPTER, CLIENT_SECRET)
        facts = (
            ("client id", f"`{config.client.client_id}`"),
            ("secret", secret),
            ("scopes", _code(config.client.scopes)),
            ("groups", f"the claim `{config.client.groups_claim}` of the ID token"),
        )
        yield _lines(facts, identity.auth_proxy.callbacks)


def _app(plan: Plan, client: OidcClient) -> Iterator[str]:
    yield f"## {client.name}"
    secret = "none: the client is public and uses PKCE"
    if not client.public:
        secret = _secret(plan, client.host, client.service, "oidc")
    facts = [
        ("client id", f"`{client.id}`"),
        ("issuer", f"`{client.issuer}`"),
        ("secret", secret),
        ("scopes", _code(client.scopes)),
    ]
    if client.id_token:
        facts.append(("claims in the ID token", _code(client.id_token)))
    if client.post:
        facts.append(("authentication", "`client_secret_post`"))
    yield _lines(facts, client.redirects)


def _lines(facts: Sequence[tuple[str, str]], redirects: Sequence[str]) -> str:
    lines = [f"- {name}: {value}" for name, value in facts]
    lines += [f"- redirect URI: `{uri}`" for uri in redirects]
    return "\n".join(lines)


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{w}`" for w in words)


def _secret(plan: Plan, host: str, service: str, name: str) -> str:
    """Where the secret is; never its value."""
    found = next(
        (s for s in plan.secrets.on(host) if (s.service, s.label) == (service, name)), None
    )
    if found is None:
        return "none"
    if found.source == "stored":
        return f"`{found.key}` in the sops file of {host}"
    return f"`homelab secret {found.name}` prints it"
