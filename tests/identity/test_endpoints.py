"""The endpoints of each provider, for apps that want single URLs in place of an issuer."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household
from tests.identity.test_external import EXTERNAL
from tests.identity.test_kanidm import KANIDM

GRAFANA: Changes = {"services": {"grafana": {"host": "aurora", "name": "graphs", "auth": "oidc"}}}
LINKDING: Changes = {
    "nixpkgs": {"default": {"release": "26.05"}},
    "services": {"linkding": {"host": "aurora", "name": "links", "auth": "oidc"}},
}
POCKET_ID: Changes = {
    "identity": {"provider": "pocket-id", "users": None, "api_key": {"sops": "pocket-id/key"}}
}
STATED = {
    "authorization_endpoint": "https://id.example.net/oauth/authorize",
    "token_endpoint": "https://id.example.net/oauth/token",
    "userinfo_endpoint": "https://id.example.net/oauth/userinfo",
    "jwks_uri": "https://id.example.net/apps/{client}/keys",
}
ELSEWHERE: Changes = {"identity": {"endpoints": {**STATED}}}
HERE = "https://auth.home.example.org"
IDM = "https://idm.example.net"
URLS = {
    "authelia": (
        {},
        f"{HERE}/api/oidc/authorization",
        f"{HERE}/api/oidc/token",
        f"{HERE}/api/oidc/userinfo",
        f"{HERE}/jwks.json",
    ),
    "pocket-id": (
        POCKET_ID,
        f"{HERE}/authorize",
        f"{HERE}/api/oidc/token",
        f"{HERE}/api/oidc/userinfo",
        f"{HERE}/.well-known/jwks.json",
    ),
    "kanidm": (
        KANIDM,
        f"{IDM}/ui/oauth2",
        f"{IDM}/oauth2/token",
        f"{IDM}/oauth2/openid/links/userinfo",
        f"{IDM}/oauth2/openid/links/public_key.jwk",
    ),
    "external": (
        testing.merged(EXTERNAL, ELSEWHERE),
        STATED["authorization_endpoint"],
        STATED["token_endpoint"],
        STATED["userinfo_endpoint"],
        "https://id.example.net/apps/links/keys",
    ),
}


@pytest.mark.parametrize("provider", URLS)
@pytest.mark.requirement("S0-27")
def test_an_app_gets_the_endpoints_of_the_provider(provider: str) -> None:
    changes, authorization, token, userinfo, keys = URLS[provider]
    made = household(changes, LINKDING)
    text = build.render(made)["aurora"]["services/linkding.nix"]
    for line in (
        'LD_ENABLE_OIDC = "True";',
        'OIDC_RP_CLIENT_ID = "links";',
        f'OIDC_OP_AUTHORIZATION_ENDPOINT = "{authorization}";',
        f'OIDC_OP_TOKEN_ENDPOINT = "{token}";',
        f'OIDC_OP_USER_ENDPOINT = "{userinfo}";',
        f'OIDC_OP_JWKS_ENDPOINT = "{keys}";',
    ):
        assert line in text, line
    assert build.found(made, "oidc-endpoint") == []


@pytest.mark.requirement("S0-27")
def test_grafana_signs_people_in_and_maps_a_group_to_its_role() -> None:
    """Its secret is a file, and the ID token has the groups, because Grafana reads it first."""
    files = build.render(household(GRAFANA))
    app, provider = files["aurora"]["services/grafana.nix"], files["pi"]["identity.nix"]
    for line in (
        'client_id = "graphs";',
        'client_secret = "$__file{/run/homelab/secrets/grafana-oidc}";',
        f'auth_url = "{HERE}/api/oidc/authorization";',
        f'token_url = "{HERE}/api/oidc/token";',
        f'api_url = "{HERE}/api/oidc/userinfo";',
        "role_attribute_path = \"contains(groups[*], 'admins') && 'Admin'\";",
    ):
        assert line in app, line
    assert "https://graphs.home.example.org/login/generic_oauth" in provider
    claims = provider[provider.index("claims_policies") : provider.index("clients = ")]
    assert '"groups"' in claims
    secret = next(
        s for s in build.plan(household(GRAFANA)).secrets.on("aurora") if s.name == "grafana-oidc"
    )
    assert (secret.owner, secret.units) == ("grafana", ("grafana.service",))


@pytest.mark.parametrize(
    ("provider", "scopes"),
    [({}, "openid profile email groups"), (KANIDM, "openid profile email")],
)
@pytest.mark.requirement("S0-27")
def test_an_app_asks_for_the_scopes_of_its_client(provider: Changes, scopes: str) -> None:
    """Kanidm refuses a sign-in with another one. It gives the groups in a claim of each client."""
    files = build.render(household(provider, GRAFANA))
    assert f'scopes = "{scopes}";' in files["aurora"]["services/grafana.nix"]


@pytest.mark.requirement("S0-27")
def test_a_missing_endpoint_of_an_external_provider_is_told() -> None:
    """Grafana needs no keys, so only the other three are asked for."""
    partly: Changes = {"identity": {"endpoints": {"token_endpoint": STATED["token_endpoint"]}}}
    (problem,) = build.found(household(EXTERNAL, GRAFANA, partly), "oidc-endpoint")
    assert problem.where == "identity.endpoints"
    assert "authorization_endpoint and the userinfo_endpoint" in problem.what
    assert "https://id.example.net/realms/home/.well-known/openid-configuration" in problem.way_out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (ELSEWHERE, "only an external provider has endpoints"),
        (testing.merged(KANIDM, ELSEWHERE), "leave endpoints out"),
        (
            testing.merged(EXTERNAL, {"identity": {"endpoints": {"token_endpoint": "/token"}}}),
            "not an endpoint",
        ),
    ],
)
@pytest.mark.requirement("S0-27")
def test_endpoints_that_would_be_ignored_are_refused(changes: Changes, words: str) -> None:
    with pytest.raises(InvalidStackError, match=words):
        build.stack_config(household(changes))
