"""A provider that homelab does not run: Keycloak, Zitadel, Authentik, or any other issuer."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from homelab.identity.clients import guide
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household
from tests.programs.oauth2_proxy import Visitor, started
from tests.proxy.running import HTTPS, Row, serve
from tests.proxy.stack import changes

ISSUER = "https://id.example.net/realms/home"
EXTERNAL: Changes = {
    "identity": {
        "provider": "external",
        "users": None,
        "issuer": ISSUER,
        "client": {"client_id": "homelab", "groups_claim": "roles"},
    },
    "services": {
        "navidrome": {"host": "aurora", "name": "music"},
        "miniflux": {"host": "aurora", "name": "news", "auth": "oidc"},
    },
}
GATED = "gated.home.example.org"


def stated(**oidc: object) -> Changes:
    return {"services": {"miniflux": {"oidc": oidc}}}


@pytest.mark.requirement("S4-16", "T2")
def test_the_auth_proxy_asks_the_external_provider() -> None:
    """It reads the endpoints from the issuer, and its client secret from the sops file."""
    files = build.render(household(EXTERNAL))
    gate = files["pi"]["auth-proxy.nix"]
    for line in (
        f'oidcIssuerUrl = "{ISSUER}";',
        'clientID = "homelab";',
        'keyFile = "/run/secrets/rendered/oauth2-proxy-client";',
        'EnvironmentFile = [ "/run/homelab/secrets/oauth2-proxy-cookie" ];',
        'oidc-groups-claim = "roles";',
    ):
        assert line in gate, line
    assert "identity.nix" not in files["pi"]
    assert "authelia" not in "".join(files["pi"].values())
    secrets = {s.name: s for s in build.plan(household(EXTERNAL)).secrets.on("pi")}
    assert secrets["oauth2-proxy-client"].key == "oauth2-proxy/client"
    assert secrets["oauth2-proxy-client"].env == (("OAUTH2_PROXY_CLIENT_SECRET", "{value}"),)


@pytest.mark.requirement("S0-27")
def test_an_app_gets_its_client_of_the_external_provider() -> None:
    """The owner creates it there, so its secret is stored and not derived."""
    made = household(EXTERNAL)
    app = build.render(made)["aurora"]["services/miniflux.nix"]
    assert f'OAUTH2_OIDC_DISCOVERY_ENDPOINT = "{ISSUER}";' in app
    assert 'OAUTH2_CLIENT_ID = "news";' in app
    secret = next(s for s in build.plan(made).secrets.on("aurora") if s.name == "miniflux-oidc")
    assert (secret.source, secret.key, secret.purpose) == ("stored", "miniflux/oidc", "")


@pytest.mark.requirement("S0-27")
def test_the_stack_states_the_client_that_the_provider_made() -> None:
    """Zitadel chooses the ids itself."""
    other = stated(client_id="231@home", client_secret={"sops": "sso/news"})
    made = household(EXTERNAL, other)
    assert 'OAUTH2_CLIENT_ID = "231@home";' in build.render(made)["aurora"]["services/miniflux.nix"]
    secret = next(s for s in build.plan(made).secrets.on("aurora") if s.name == "miniflux-oidc")
    assert (secret.key, secret.origin) == ("sso/news", "services.miniflux.oidc.client_secret")


@pytest.mark.parametrize(
    ("oidc", "says"),
    [
        ({}, "https://id.example.net/application/o/news/"),
        ({"client_id": "feeds"}, "https://id.example.net/application/o/feeds/"),
        ({"issuer": "https://id.example.net/other/"}, "https://id.example.net/other/"),
    ],
)
@pytest.mark.requirement("S0-27")
def test_an_issuer_for_each_client(oidc: Changes, says: str) -> None:
    """Authentik has one for each application. The slash at the end is part of it."""
    each: Changes = {"identity": {"issuer": "https://id.example.net/application/o/{client}/"}}
    files = build.render(household(EXTERNAL, each, stated(**oidc)))
    news = files["aurora"]["services/miniflux.nix"]
    assert f'OAUTH2_OIDC_DISCOVERY_ENDPOINT = "{says}";' in news
    gate = files["pi"]["auth-proxy.nix"]
    assert 'oidcIssuerUrl = "https://id.example.net/application/o/homelab/";' in gate


def test_a_discovery_address_has_one_slash() -> None:
    app: Changes = {"services": {"karakeep": {"host": "aurora", "auth": "oidc"}}}
    slash: Changes = {"identity": {"issuer": f"{ISSUER}/"}}
    for more in ({}, slash):
        text = build.render(household(EXTERNAL, app, more))["aurora"]["services/karakeep.nix"]
        assert f'"{ISSUER}/.well-known/openid-configuration"' in text


@pytest.mark.requirement("S4-17")
def test_the_page_of_clients_has_all_that_the_provider_asks_for() -> None:
    """Redirect URIs, scopes, and where each secret is; no value."""
    page = guide(build.plan(household(EXTERNAL)))
    for line in (
        f"Create these clients at `{ISSUER}`.",
        "- client id: `homelab`",
        "- secret: `oauth2-proxy/client` in the sops file of pi",
        "- redirect URI: `https://music.home.example.org/oauth2/callback`",
        "- client id: `news`",
        "- secret: `miniflux/oidc` in the sops file of aurora",
        "- redirect URI: `https://news.home.example.org/oauth2/oidc/callback`",
    ):
        assert line in page.splitlines(), line
    ours = guide(build.plan(household({"services": {"miniflux": {"host": "pi", "auth": "oidc"}}})))
    assert "homelab creates these clients at authelia." in ours
    assert "- secret: `homelab secret miniflux-oidc` prints it" in ours.splitlines()
    assert "no identity provider" in guide(build.plan(household({"identity": None})))


@pytest.mark.requirement("S4-16")
def test_a_provider_behind_the_reverse_proxy_resolves_on_its_clients() -> None:
    """A container with Keycloak: its name is internal, and the resolver may not know it."""
    served: Changes = {
        "identity": {"issuer": "https://id.home.example.org/realms/home"},
        "services": {
            "keycloak": {
                "host": "aurora",
                "audience": "family",
                "auth": "native",
                "name": "id",
                "port": 8088,
                "container": {
                    "image": f"quay.io/keycloak/keycloak:26@sha256:{'0' * 64}",
                    "port": 8080,
                },
                "backup": {"skip": "its database is elsewhere"},
            }
        },
    }
    files = build.render(household(EXTERNAL, served))
    for host in ("pi", "aurora"):
        assert '"192.168.1.2" = [ "id.home.example.org" ];' in files[host]["portal.nix"]
    assert "portal.nix" not in build.render(household(EXTERNAL))["aurora"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"issuer": None}, "write issuer: https"),
        ({"client": None}, "write issuer: https"),
        ({"issuer": "http://id.example.net"}, "not an issuer"),
        ({"issuer": "https://id.example.net/{name}"}, "not an issuer"),
        ({"issuer": "https://id.example.net/$(id)"}, "not an issuer"),
        ({"client": {"client_id": "a b"}}, "not a client id"),
        ({"users": {"sops": "a/b"}}, "leave users out"),
        ({"scopes": {"roles": ["x"]}}, "leave scopes out"),
        ({"api_key": {"sops": "a/b"}}, "api_key is for pocket-id"),
        ({"name": "auth"}, "leave name out"),
        ({"session": {"inactivity": "2h"}}, "leave session.inactivity out"),
        ({"provider": "keycloak"}, "such as keycloak, write provider: external"),
        ({"provider": "pocket-id"}, "only an external provider has issuer and client"),
    ],
)
@pytest.mark.requirement("T2")
def test_what_an_external_provider_does_not_have_is_refused(more: Changes, words: str) -> None:
    with pytest.raises(InvalidStackError, match=words):
        build.stack_config(household(EXTERNAL, {"identity": more}))


def test_an_issuer_belongs_to_an_external_provider() -> None:
    with pytest.raises(InvalidStackError, match="or leave issuer out"):
        build.stack_config(household({"identity": {"issuer": ISSUER}}))


@pytest.mark.requirement("S4-16", "S4-17")
def test_a_real_auth_proxy_signs_in_at_the_external_provider(tmp_path: Path) -> None:
    """oauth2-proxy with the rendered settings finds the endpoints, and reads the groups claim."""
    identity: Changes = {"identity": EXTERNAL["identity"]}
    made = build.plan(household(changes("caddy"), identity))
    with ExitStack() as stack:
        visitor = Visitor(serve("caddy", made, tmp_path, stack, started))
        assert visitor.proxy.ask(Row("", GATED, "/x", HTTPS)).status == 302
        cookie = visitor.cookie("sam", GATED, HTTPS)
        answer = visitor.proxy.ask(Row("", GATED, "/x?y=z", HTTPS, headers=cookie))
        assert (answer.status, answer.seen["path"]) == (200, "/x?y=z")
        assert answer.header("Remote-Groups") == ["family,admins"]
