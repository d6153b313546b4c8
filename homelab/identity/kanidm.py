"""OIDC clients and groups at a Kanidm that an owner's module runs: `services.kanidm.provision`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homelab.config.identity import IdentityConfig
from homelab.identity.model import ADAPTER_OWNER, KANIDM, IdentityPlan, OidcClient, kanidm_secret
from homelab.nix import Attrs, Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host

EVERYBODY = "homelab_users"
"""The group whose members may sign in to apps whose route names no groups. The module of nixpkgs
accepts only groups that it creates, and so not the group of all persons, which Kanidm has."""
GROUPS = "groups"
SECRETS = "/run/homelab/secrets"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`kanidm.nix`, on the host that runs Kanidm."""
    identity, config = plan.identity, plan.stack.identity
    if identity is None or config is None or config.kanidm != host.name:
        return
    clients: dict[str, Nix] = {c.id: _app(plan, config, c) for c in identity.clients}
    if config.client is not None and identity.auth_proxy.callbacks:
        clients[config.client.client_id] = _auth_proxy(identity, config)
    groups: dict[str, Nix] = {
        # Their members are chosen at Kanidm.
        name: {"overwriteMembers": False}
        for name in sorted({*config.groups, EVERYBODY})
    }
    yield Module(
        "kanidm.nix",
        "OpenID Connect clients at Kanidm, and the groups that may use them",
        derived=merge(
            attrs(
                "services.kanidm.provision",
                {"enable": True, "groups": groups, "systems": {"oauth2": clients}},
            ),
            attrs(
                "systemd.services.kanidm.serviceConfig.BindReadOnlyPaths",
                Comment("The unit has a root of its own, and reads the secrets.", [SECRETS]),
            ),
        ),
    )


def _app(plan: Plan, config: IdentityConfig, client: OidcClient) -> Attrs:
    route = next(r for r in plan.routes if r.name == client.route and r.service == client.service)
    found = _client(
        client.name, client.redirects, f"https://{route.names[0]}/", client.scopes, client.groups
    )
    if GROUPS in client.scopes and config.groups:
        found["claimMaps"] = _groups(GROUPS, config.groups)
    if client.public:
        return {**found, "public": True}
    return {
        **found,
        "basicSecretFile": _secret(client.route),
        # Not every app with a secret can use PKCE as well.
        "allowInsecureClientDisablePkce": True,
    }


def _auth_proxy(identity: IdentityPlan, config: IdentityConfig) -> Attrs:
    assert config.client is not None
    callbacks = identity.auth_proxy.callbacks
    landing = f"https://{identity.auth_proxy.names[0]}/"
    found = _client("Homelab sign-in", callbacks, landing, config.client.scopes, ())
    claim = config.client.groups_claim
    claims: Attrs = {"claimMaps": _groups(claim, config.groups)} if config.groups else {}
    return {**found, "basicSecretFile": _secret(ADAPTER_OWNER), **claims}


def _client(
    name: str,
    redirects: Sequence[str],
    landing: str,
    scopes: Sequence[str],
    groups: Sequence[str],
) -> dict[str, Nix]:
    given: list[Nix] = [s for s in scopes if s != GROUPS]
    return {
        "displayName": name,
        "originUrl": list[Nix](redirects),
        "originLanding": landing,
        "preferShortUsername": True,
        "scopeMaps": dict.fromkeys(groups or (EVERYBODY,), given),
    }


def _groups(claim: str, groups: Sequence[str]) -> Attrs:
    """A claim with the names of a person's groups. Kanidm's own scope gives them with a domain."""
    values: dict[str, Nix] = {group: [group] for group in sorted(groups)}
    return {claim: {"joinType": "array", "valuesByGroup": values}}


def _secret(client: str) -> str:
    return secret_path(KANIDM, kanidm_secret(client), "derived", "file")
