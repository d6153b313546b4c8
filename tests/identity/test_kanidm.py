"""OIDC clients at a Kanidm that an owner's module runs."""

from __future__ import annotations

import pytest

from homelab.identity.clients import guide
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household

ISSUER = "https://idm.example.net/oauth2/openid/{client}"
KANIDM: Changes = {
    "identity": {
        "provider": "external",
        "users": None,
        "issuer": ISSUER,
        "client": {"client_id": "homelab"},
        "kanidm": "aurora",
    },
    "services": {
        "navidrome": {"host": "pi", "name": "music"},
        "miniflux": {"host": "pi", "name": "news", "auth": "oidc"},
    },
}


@pytest.mark.requirement("S0-27", "S4-16")
def test_each_client_is_declared_where_kanidm_runs() -> None:
    """With its redirect URIs, the scopes that Kanidm gives, and who may use it."""
    text = build.render(household(KANIDM))["aurora"]["kanidm.nix"]
    news = text[text.index("news = {") :]
    for line in (
        'displayName = "Miniflux";',
        '"https://news.home.example.org/oauth2/oidc/callback"',
        'originLanding = "https://news.home.example.org/";',
        'basicSecretFile = "/run/homelab/secrets/kanidm-oidc-news";',
        "preferShortUsername = true;",
    ):
        assert line in news, line
    assert "homelab_users = [" in news
    assert "overwriteMembers = false" in text
    assert '"groups"' not in text
    gate = text[text.index("homelab = {") : text.index("news = {")]
    assert '"https://music.home.example.org/oauth2/callback"' in gate
    assert 'basicSecretFile = "/run/homelab/secrets/kanidm-oidc-auth-proxy";' in gate
    assert "allowInsecureClientDisablePkce" not in gate
    assert 'admins = [ "admins" ];' in gate
    assert 'BindReadOnlyPaths = [ "/run/homelab/secrets" ];' in text


@pytest.mark.requirement("S0-27")
def test_the_app_and_kanidm_have_the_same_derived_secret() -> None:
    secrets = build.plan(household(KANIDM)).secrets
    here = {s.name: s for s in secrets.on("aurora")}
    there = {s.name: s for s in secrets.on("pi")}
    pairs = (
        ("kanidm-oidc-news", "miniflux-oidc"),
        ("kanidm-oidc-auth-proxy", "oauth2-proxy-client"),
    )
    for kanidm, app in pairs:
        one, other = here[kanidm], there[app]
        assert (one.purpose, one.epoch, one.length) == (other.purpose, other.epoch, other.length)
        assert (one.source, other.source) == ("derived", "derived")
        assert (one.owner, one.units) == ("kanidm", ("kanidm.service",))


@pytest.mark.requirement("S0-27")
def test_apps_have_the_issuer_of_their_client() -> None:
    """The auth proxy does not request Kanidm's own groups, which have its domain in their names."""
    files = build.render(household(KANIDM))["pi"]
    news = files["services/miniflux.nix"]
    assert 'ENDPOINT = "https://idm.example.net/oauth2/openid/news";' in news
    gate = files["auth-proxy.nix"]
    assert 'oidcIssuerUrl = "https://idm.example.net/oauth2/openid/homelab";' in gate
    assert 'scope = "openid profile email";' in gate
    assert 'keyFile = "/run/homelab/secrets/oauth2-proxy-client";' in gate
    assert "in Kanidm on aurora" in guide(build.plan(household(KANIDM)))


@pytest.mark.requirement("S0-27")
def test_the_groups_of_a_route_use_its_client_at_kanidm() -> None:
    routes = [{"name": "news", "audience": "family", "auth": "oidc", "groups": ["admins"]}]
    app: Changes = {"miniflux": {"name": None, "auth": None, "routes": routes}}
    made = household(KANIDM, {"services": app})
    text = build.render(made)["aurora"]["kanidm.nix"]
    news = text[text.index("news = {") :]
    assert "homelab_users" not in news
    assert "scopeMaps.admins = [" in news
    assert not build.found(made, "identity-capability")


@pytest.mark.requirement("S0-27")
def test_a_public_client_has_no_secret_at_kanidm() -> None:
    draw = {
        "host": "pi",
        "audience": "family",
        "auth": "oidc",
        "container": {"image": "a/b:1@sha256:" + "0" * 64, "port": 80},
        "oidc": {"redirects": ["/cb", "org.example.app:///cb"], "public": True},
        "backup": {"skip": "it keeps nothing"},
    }
    text = build.render(household(KANIDM, {"services": {"draw": draw}}))["aurora"]["kanidm.nix"]
    app = text[text.index("draw = {") : text.index("homelab = {")]
    assert "public = true;" in app
    assert '"org.example.app:///cb"' in app
    assert "basicSecretFile" not in app


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({"issuer": "https://idm.example.net"}, "an issuer for each client"),
        (
            {"client": {"client_id": "homelab", "client_secret": {"sops": "a/b"}}},
            "leave client.client_secret out",
        ),
        ({"provider": "authelia", "users": {"sops": "a/b"}}, "only an external provider has"),
    ],
)
@pytest.mark.requirement("T2")
def test_what_does_not_fit_kanidm_is_refused(identity: Changes, words: str) -> None:
    with pytest.raises(InvalidStackError, match=words):
        build.stack_config(household(KANIDM, {"identity": identity}))
