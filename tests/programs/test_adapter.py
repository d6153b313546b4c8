"""The same requests through Caddy, Nginx and Traefik, with oauth2-proxy as the auth proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.programs.oauth2_proxy import Visitor, started
from tests.proxy.running import CLIENT, HTTPS, TUNNEL, Row, serve
from tests.proxy.stack import changes
from tests.proxy.test_request_table import FORWARDED, ODD_PATHS, PASSKEYS, SPOOFED

GATED = ("gated.home.example.org", HTTPS)
MUSIC = ("music-home.example.org", TUNNEL)
EVERYBODY: Changes = {
    "services": {
        "gated": {
            "routes": [{"auth": "forward", "audience": "family", "exempt": ["/api/*", "/ping"]}]
        }
    }
}
"""Traefik cannot check groups, so such a stack is refused."""
FORGED = tuple(h for h in SPOOFED if not h[0].lower().startswith("x-webauth"))
TOLD = tuple((f"X-Auth-Request-{w}", "root") for w in ("User", "Email", "Groups"))


@pytest.fixture(scope="module", params=PROXIES)
def visitor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visitor]:
    """A real reverse proxy in front of stub apps, and the real auth proxy."""
    kind = request.param
    made = build.plan(household(changes(kind), PASSKEYS, EVERYBODY if kind == "traefik" else {}))
    with ExitStack() as stack:
        yield Visitor(serve(kind, made, tmp_path_factory.mktemp(kind), stack, started))


@pytest.mark.parametrize(("host", "way"), [GATED, MUSIC])
@pytest.mark.requirement("S4-16", "S4-17")
def test_signing_in_returns_to_the_requested_page(visitor: Visitor, host: str, way: str) -> None:
    """With PKCE, and on the requested name."""
    cookie = visitor.cookie("sam", host, way)
    answer = visitor.proxy.ask(Row("", host, "/x?y=z", way, headers=cookie))
    assert (answer.status, answer.seen["path"]) == (200, "/x?y=z")


@pytest.mark.parametrize(("host", "way", "source"), [(*GATED, CLIENT), (*MUSIC, "127.0.0.1")])
@pytest.mark.requirement("T21")
def test_identity_headers_come_only_from_the_auth_proxy(
    visitor: Visitor, host: str, way: str, source: str
) -> None:
    """In every header that an app may read."""
    forged = (*FORGED, *FORWARDED, *TOLD, ("Cf-Connecting-Ip", "203.0.113.9"))
    headers = (*visitor.cookie("sam", host, way), *forged)
    answer = visitor.proxy.ask(Row("", host, "/", way, headers=headers, source=source))
    assert answer.status == 200
    told = "X-Auth-Request-" if visitor.proxy.kind == "traefik" else "Remote-"
    name = "Preferred-Username" if visitor.proxy.kind == "traefik" else "User"
    assert answer.header(f"{told}{name}") == ["sam"]
    assert answer.header(f"{told}Email") == ["sam@example.org"]
    assert answer.header(f"{told}Groups") == ["family,admins"]
    assert not any(v in ("root", "admins", "root@example.org") for _, v in answer.seen["headers"])
    assert not any("6.6.6.6" in v for _, v in answer.seen["headers"])


@pytest.mark.requirement("S1-07")
def test_a_user_in_no_group_of_the_route_is_refused(visitor: Visitor) -> None:
    """Checked by proxies that can."""
    row = Row("", *GATED[:1], headers=visitor.cookie("kim", GATED[0]))
    assert visitor.proxy.ask(row).status == (200 if visitor.proxy.kind == "traefik" else 403)


@pytest.mark.parametrize("path", [p for p in ODD_PATHS if "v1.0" not in p])
@pytest.mark.requirement("S0-15", "T1")
def test_a_path_that_only_looks_exempt_is_not(visitor: Visitor, path: str) -> None:
    """An unknown user is sent to sign in."""
    answer = visitor.proxy.ask(Row("", GATED[0], path))
    if answer.app:
        assert visitor.proxy.kind == "traefik"
        assert str(answer.seen["path"]).startswith(("/api/", "/ping"))
        assert not any(x in str(answer.seen["path"]) for x in ("..", "//", ";", "%2F", "%2f", "%5"))
    else:
        assert answer.status in (302, 308, 400), answer


@pytest.mark.parametrize("path", ["/api/x", "/api/x?y=..;"])
@pytest.mark.requirement("S0-26", "T21")
def test_an_exempt_path_is_open_and_carries_no_identity(visitor: Visitor, path: str) -> None:
    answer = visitor.proxy.ask(Row("", GATED[0], path, headers=(*FORGED, *TOLD)))
    assert (answer.status, answer.app) == (200, "gated")
    assert not any(v in ("root", "admins", "root@example.org") for _, v in answer.seen["headers"])


@pytest.mark.requirement("S4-17")
def test_a_forged_return_url_is_refused(visitor: Visitor) -> None:
    """A user who signs in is not redirected to another site."""
    forged = (("X-Auth-Request-Redirect", "https://evil.example/"),)
    answer = visitor.proxy.ask(Row("", GATED[0], "/x", headers=forged))
    assert answer.status == 302
    assert "evil.example" not in answer.location
