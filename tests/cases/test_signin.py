"""Sign-in and the reverse proxy: reported cases and attacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from homelab.checks import run_checks
from homelab.problems import InvalidStackError
from tests import build
from tests.cases.on_disk import laid_out, tried
from tests.golden.test_home import planned, tree
from tests.household import Changes, household
from tests.proxy.running import ALIKE, Row, Running, serve
from tests.proxy.stack import changes

IMAGE = "docker.io/a/b:1@sha256:" + "0" * 64


def app(**more: object) -> Changes:
    """A container on the nas without state."""
    return {
        "host": "nas",
        "container": {"image": IMAGE, "port": 80},
        "port": 8099,
        "backup": {"skip": "it keeps nothing"},
        **more,
    }


SIGN_IN: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}


# --- dot segments ----------------------------------------------------------------

PASSED = (
    *("/api/..;/admin", "/api/..%5cadmin", "/admin/..%2fapi/y", "/admin/%2e%2e/api/y"),
    *("/admin/../api/y", "/admin/users/..%2f..%2fapi%2fy", "/admin/%2e%2e%2fapi/y"),
    *("/admin/..%2fping", "/admin/../ping", "/admin/%2e%2e/ping", "/admin/x%2f..%2f..%2fping"),
    *("/admin;/../api/x", "/admin%3f/../api/x", "//api/x", "/x//../api/y", "/%61pi/x"),
    *("/api%2fx", "/ap%69/x", "/%2fapi/x", "/v1%2e0/x"),
    # Some releases of Caddy treat this as a placeholder and remove it before matching.
    *("/api/{/../../admin?}", "/api/{http.request.header.X}/../../admin?}", "/api/{/}../admin"),
)
"""Requests that once reached, or could reach, the app without a sign-in."""


@pytest.fixture(scope="module", params=ALIKE)
def gated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A real proxy, in front of an app with `exempt: [/api/*, /ping, /v1.0/*]`."""
    with ExitStack() as stack:
        made = build.plan(household(changes(request.param)))
        yield serve(request.param, made, tmp_path_factory.mktemp(request.param), stack)


@pytest.mark.parametrize("path", PASSED)
@pytest.mark.requirement("S0-15", "T1")
def test_a_path_that_only_looks_exempt_asks_the_gate(gated: Running, path: str) -> None:
    """However an app would interpret it."""
    answer = gated.ask(Row("", "gated.home.example.org", path))
    assert (answer.status, answer.app) == (302, "")
    assert len(gated.asked) == 1


# --- a bypass on the internet ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [{"resources": ["^/.*"]}, {"paths": ["/open/*"]}, {}], ids=["all", "some", "whole"]
)
@pytest.mark.requirement("S2-06", "S1-08")
def test_a_bypass_rule_does_not_open_a_name_on_the_internet(rule: Changes) -> None:
    """One problem, with or without a tailnet."""
    published = {"publish": "tunnel", "audience": "family", "auth": "forward", "access": False}
    stack: Changes = {
        **SIGN_IN,
        "identity": {
            **SIGN_IN["identity"],  # type: ignore[dict-item]
            "rules": [{"route": "x", "policy": "bypass", "priority": 10, **rule}],
        },
        "cloudflare": {"tunnel": {"host": "pi"}},
        "site": {"names": {"public": "{name}-home.{zone}"}},
        "services": {
            "authelia": {"publish": "tunnel"},
            "x": app(routes=[{**published, "exempt": []}]),
        },
    }
    about = ("auth-proxy-opened", "internet-gate", "tunnel-requires-access")
    found = [p for p in build.problems(stack) if p.check in about]
    assert [(p.check, p.where) for p in found] == [("auth-proxy-opened", "identity.rules[0]")]
    stack["services"]["x"]["routes"][0]["public"] = "anybody may see it"  # type: ignore[index]
    assert [p for p in build.problems(stack) if p.check in about] == []


# --- an app that believes a header, granted past the gate -----------------------------------------

TAILNET: Changes = {
    "tailnet": {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
    },
    "hosts": {name: {"tailscale": {}} for name in ("pi", "nas")},
}
BELIEVES = app(audience="family", auth="forward", headers={"Remote-User": "user"})
BOX: Changes = {
    "platform": "x86_64-linux",
    "role": "agent",
    "state_version": "25.11",
    "hardware": "hosts/nas/hardware.nix",
    "address": {"lan": "192.168.1.30", "tailnet": "100.64.0.30"},
    "ssh": {"host_key": build.host_key("box")},
    "tailscale": {},
}


def _granted(*grants: Changes, **services: Changes) -> list[str]:
    stack = {
        **SIGN_IN,
        **TAILNET,
        "tailnet": {**TAILNET["tailnet"], "grants": list(grants)},  # type: ignore[dict-item]
        "hosts": {**TAILNET["hosts"], "box": BOX},  # type: ignore[dict-item]
        "services": {"x": BELIEVES, **services},
    }
    return [p.where for p in build.found(stack, "proxy-header-trust")]


@pytest.mark.parametrize(
    ("src", "dst", "ip"),
    [
        (["tag:agent"], ["nas"], ["tcp:8099"]),
        (["group:family"], ["nas"], ["*"]),
        (["box"], ["tag:workhorse"], ["tcp:8000-9000"]),
        (["autogroup:member"], ["*"], ["tcp:*"]),
        (["100.64.0.30"], ["100.64.0.3"], ["tcp:8099"]),
        (["100.64.0.0/10"], ["nas"], ["tcp:8099"]),
    ],
)
@pytest.mark.requirement("S1-12", "T21")
def test_only_the_proxy_may_reach_an_app_that_trusts_its_headers(
    src: list[str], dst: list[str], ip: list[str]
) -> None:
    """An agent that sends `Remote-User: sam` would be signed in as sam."""
    assert _granted({"src": src, "dst": dst, "ip": ip, "why": "direct please"}) == [
        "tailnet.grants[0]"
    ]


@pytest.mark.requirement("S1-12")
def test_a_service_on_another_host_may_not_reach_it_either() -> None:
    caller: Changes = {**app(uses=["x"]), "host": "box", "port": 8100, "routes": []}
    assert _granted(caller=caller) == ["services.caller.uses"]


@pytest.mark.requirement("S1-12")
@pytest.mark.parametrize("host", ["nas", "pi"])
def test_a_container_may_not_reach_it_even_on_the_host_of_the_app_or_the_proxy(host: str) -> None:
    """Its network is not loopback, so every container there could send `Remote-User: sam`."""
    caller: Changes = {**app(uses=["x"]), "host": host, "port": 8100, "routes": []}
    assert _granted(caller=caller) == ["services.caller.uses"]
    variable: Changes = {**caller, "uses": []}
    variable["container"] = {
        "image": IMAGE,
        "port": 80,
        "environment": {"URL": {"$service": "x"}},
    }
    (where,) = _granted(caller=variable)
    assert where.startswith("services.caller.container.environment")


@pytest.mark.requirement("S1-12")
def test_a_container_beside_the_proxy_may_not_reach_an_app_on_loopback() -> None:
    """`podman0` opens the port although the plan opens it to no other host."""
    believer = {"host": "pi", "routes": [{"name": "books", "auth": "forward"}]}
    caller: Changes = {**app(uses=["calibre-web"]), "host": "pi", "port": 8100, "routes": []}
    stack = {**SIGN_IN, "services": {"calibre-web": believer, "c": caller}}
    assert [p.where for p in build.found(stack, "proxy-header-trust")] == ["services.c.uses"]
    native = {"host": "pi", "routes": [{"name": "books", "auth": "native"}]}
    stack = {**SIGN_IN, "services": {"calibre-web": native, "c": caller}}
    assert build.found(stack, "proxy-header-trust") == []


@pytest.mark.requirement("S1-12")
def test_a_unit_on_the_host_of_the_app_may_reach_it() -> None:
    unit: Changes = {
        **app(uses=["x"]),
        "container": None,
        "unit": {"package": "hello", "command": ["hello"]},
        "port": 8100,
        "routes": [],
    }
    del unit["container"]
    assert _granted(beside=unit) == []


@pytest.mark.requirement("S1-12")
def test_access_of_owner_and_proxy_is_no_problem() -> None:
    """A grant for another port is no problem either."""
    assert _granted({"src": ["pi"], "dst": ["nas"], "ip": ["tcp:8099"], "why": "the proxy"}) == []
    assert _granted({"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:22"], "why": "ssh"}) == []


# --- rules, tokens and logs -----------------------------------------------------------------------


@pytest.mark.requirement("S1-08")
def test_a_query_does_not_evade_a_rule_about_a_path() -> None:
    """With a path or an expression, a rule matches path and query."""
    wanted = '"(?i)^/admin([/?].*)?$"', '"^/admin(/[^?]*)?(\\\\?.*)?$"'
    rules = [
        {"route": "draw", "priority": 40, "policy": "deny", "paths": ["/admin/*"]},
        {"route": "draw", "priority": 41, "policy": "deny", "resources": ["^/admin(/.*)?$"]},
    ]
    text = tree({"identity": {"rules": rules}}, valid=False)["pi"]["identity.nix"]
    assert all(w in text for w in wanted), text


def _board(**oidc: object) -> Changes:
    board = {
        **app(audience="family", auth="oidc"),
        "host": "aurora",
        "oidc": {"redirects": ["/auth/callback"], "env": "OIDC_CLIENT_SECRET", **oidc},
        "tile": {"group": "Tools"},
    }
    return {"services": {"board": board}}


@pytest.mark.requirement("S0-27")
def test_an_app_can_receive_claims_in_its_id_token() -> None:
    """With a separate claims policy. Tokens of other clients are unchanged."""
    text = tree(_board(id_token=["email", "groups"]))["pi"]["identity.nix"]
    assert "claims_policies.board.id_token = [" in text
    assert 'claims_policy = "board";' in text
    assert "claims_polic" not in tree(_board())["pi"]["identity.nix"]
    older = household(
        _board(id_token=["email"]),
        {"nixpkgs": {"default": {"release": "24.11"}}},
    )
    assert "claims_polic" not in build.render(older)["pi"]["identity.nix"]


@pytest.mark.requirement("S0-27")
def test_a_claim_needs_its_scope() -> None:
    with pytest.raises(InvalidStackError, match="the claim groups needs the scope groups"):
        planned(_board(id_token=["groups"], scopes=["openid"]))


@pytest.mark.requirement("S0-27")
def test_a_refresh_token_can_be_asked_for() -> None:
    """An unknown grant type is refused."""
    text = tree(_board(scopes=["openid", "offline_access"]))["pi"]["identity.nix"]
    assert '"offline_access"' in text
    assert '"refresh_token"' in text
    (problem,) = run_checks(planned(_board(scopes=["openid", "offline-access"])))
    assert (problem.check, problem.where) == ("oidc-scope", "services.board.oidc.scopes")
    assert 'did you mean "offline_access"?' in problem.way_out


@pytest.mark.requirement("S0-19")
def test_the_resolver_logs_queries_only_if_the_stack_says_so() -> None:
    """By default nothing is logged, to spare flash storage."""
    assert 'queryLog.type = "none";' in tree()["pi"]["dns.nix"]
    said = tree({"network": {"dns": {"query_log": True}}})["pi"]["dns.nix"]
    assert 'queryLog.type = "console";' in said


@pytest.mark.parametrize("provider", ["kanidm", "keycloak", "authentik", "zitadel"])
@pytest.mark.requirement("S4-16")
def test_another_provider_is_refused_with_the_supported_ones(provider: str) -> None:
    with pytest.raises(
        InvalidStackError, match="the identity provider is authelia or pocket-id, which run here"
    ):
        planned({"identity": {"provider": provider}})


@pytest.mark.parametrize("provider", ["kanidm", "keycloak", "zitadel", "authentik"])
def test_another_identity_provider_is_an_issuer(provider: str, tmp_path: Path) -> None:
    """The message names the keys of an external provider, and they work."""
    (problem,) = tried(laid_out(tmp_path, {"identity": {"provider": provider}}))
    assert problem.where == "identity.provider"
    assert "provider: external, issuer: https://… and client: {client_id: …}" in problem.way_out
    own = build.SHIPPED / "Pulumi.home.yaml"
    gone = yaml.safe_load(own.read_text(encoding="utf-8"))["config"]["homelab:identity"]
    edit = {
        **dict.fromkeys(gone),
        "provider": "external",
        "host": gone["host"],
        "issuer": "https://id.example.net",
        "client": {"client_id": "homelab"},
    }
    text = tree({"identity": edit}, valid=False)["pi"]["auth-proxy.nix"]
    assert 'oidcIssuerUrl = "https://id.example.net";' in text
