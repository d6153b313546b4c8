"""One table of requests for real proxies with the rendered configuration of one stack."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.proxy import rig
from tests.proxy.adapter import PROVIDER
from tests.proxy.running import ALIKE, CLIENT, HTTP, HTTPS, TUNNEL, Row, Running, serve
from tests.proxy.stack import changes

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
NAME = "{}.home.example.org"


def inside(name: str) -> str:
    """The internal name of a service."""
    return NAME.format(name)


COOKIE = (("Cookie", rig.SIGNED_IN),)
SPOOFED = (
    ("Remote-User", "root"),
    ("Remote-Groups", "admins"),
    ("Remote_User", "root"),
    ("Remote.Groups", "admins"),
    ("X-Webauth.User", "root"),
    ("REMOTE-EMAIL", "root@example.org"),
    ("X-Webauth-User", "root"),
    ("X-WEBAUTH_USER", "root"),
)
NOBODY: dict[str, list[str]] = {
    "Remote-User": [],
    "Remote-Groups": [],
    "Remote-Email": [],
    "Remote-Name": [],
    "X-Webauth-User": [],
}
SAM = {k: [v] for k, v in rig.PERSON.items()}
FORWARDED = (
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Real-IP", "6.6.6.6"),
)


ODD_PATHS = (
    "/api/../x",
    "/api/%2e%2e/x",
    "/api/..%2fx",
    "/api/..;/admin",
    "/api/..%5cadmin",
    "/api/%252e%252e/admin",
    "/api/x;y",
    "/api//x",
    "/api/x%01",
    "//api/x",
    "//x/api/",
    "/%61pi/x",
    "/api%2fx",
    "/admin/..%2fapi/y",
    "/admin/%2e%2e/api/y",
    "/admin/../api/y",
    "/admin/users/..%2f..%2fapi%2fy",
    "/admin/..%2fping",
    "/admin/../ping",
    "/admin;/../api/x",
    "/admin%3f/../api/x",
    "/ping;x",
    "/ping%3fx",
    "/v1.0/../admin",
)
"""Paths that some programs would read as exempt."""


def _sign_in(url: str, portal: str = rig.PORTAL) -> str:
    return f"{portal}/?rd={url}"


ROWS = (
    Row("an app is reached by its name", inside("plain"), "/a?b=c", app="plain"),
    Row(
        "it hears who came, by which name and how, from the proxy alone",
        inside("plain"),
        headers=FORWARDED,
        app="plain",
        sees={
            "Host": [inside("plain")],
            "X-Forwarded-For": [CLIENT],
            "X-Forwarded-Proto": ["https"],
            "X-Forwarded-Host": [inside("plain")],
            "X-Real-IP": [CLIENT],
        },
    ),
    Row(
        "nobody says who they are, also to an app that is not gated",
        inside("plain"),
        headers=(*SPOOFED, ("X-Plain-User", "root"), ("X_Plain_User", "root")),
        app="plain",
        sees={**NOBODY, "X-Plain-User": []},
    ),
    Row(
        "an app may insist on a host name",
        inside("small"),
        app="small",
        sees={"Host": ["app.example.net"]},
    ),
    Row("an app may speak TLS with a certificate of its own", inside("sealed"), app="sealed"),
    Row(
        "a stranger is sent to the portal",
        inside("gated"),
        "/x?y=z",
        status=(302,),
        location=_sign_in(f"https://{inside('gated')}/x?y=z"),
        asks=f"https://{inside('gated')}/x?y=z",
    ),
    Row(
        "who may not pass does not",
        inside("gated"),
        headers=(("Cookie", rig.FORBIDDEN),),
        status=(403,),
        asks=f"https://{inside('gated')}/",
    ),
    Row(
        "who is signed in passes, and the app hears who it is, by the name it wants",
        inside("gated"),
        "/x?y=z",
        headers=COOKIE,
        app="gated",
        asks=f"https://{inside('gated')}/x?y=z",
        sees=SAM | {"X-Webauth-User": ["sam"]},
    ),
    Row(
        "what the gate says outweighs what the visitor says",
        inside("gated"),
        headers=COOKIE + SPOOFED,
        app="gated",
        asks=f"https://{inside('gated')}/",
        sees=SAM | {"X-Webauth-User": ["sam"]},
    ),
    Row(
        "a body passes the gate with its request",
        inside("gated"),
        method="POST",
        body=b"x" * 100_000,
        headers=COOKIE,
        app="gated",
        asks=f"https://{inside('gated')}/",
        sees=SAM,
    ),
    Row(
        "an exempt prefix is open",
        inside("gated"),
        "/api/v1?x",
        headers=SPOOFED,
        app="gated",
        sees=NOBODY,
    ),
    Row(
        "an exempt path is open",
        inside("gated"),
        "/ping",
        headers=SPOOFED,
        app="gated",
        sees=NOBODY,
    ),
    Row("a dot is a dot", inside("gated"), "/v1.0/y", app="gated", sees=NOBODY),
    *(
        Row(
            f"{path} is not exempt",
            inside("gated"),
            path,
            status=(302,),
            location=_sign_in(f"https://{inside('gated')}{path}"),
            asks=f"https://{inside('gated')}{path}",
        )
        for path in (
            "/api",
            "/apis",
            "/API/v1",
            "/v1x0/y",
            "/Ping",
            "/ping/",
            "/pingx",
            *ODD_PATHS,
        )
    ),
    Row("a network that is let in", inside("lan"), app="lan"),
    Row("a network that is not", inside("lan"), source="127.0.0.1", status=(403,)),
    Row("a body within the limit", inside("small"), method="POST", body=b"x" * 64_000, app="small"),
    # Caddy streams, so the app gets the beginning of a refused upload; Debian's version then blames the app.
    Row("a body over it", inside("small"), method="POST", body=b"x" * 64_001, status=(413, 502)),
    Row(
        "a body where there is no limit",
        inside("plain"),
        method="PUT",
        body=b"x" * 12_000_000,
        app="plain",
    ),
    Row("a name that nobody has", inside("nobody"), status=(404,)),
    Row("a domain that is not ours", "evil.example", status=(0, 404)),
    Row("a name that is not the handshake's", "evil.example", sni=inside("plain"), status=(404,)),
    Row(
        "a tunnelled name has no other listener",
        "music-home.example.org",
        sni=inside("music"),
        status=(404,),
    ),
    Row("TLS 1.2 is spoken", inside("plain"), newest=ssl.TLSVersion.TLSv1_2, app="plain"),
    Row("TLS 1.1 is not", inside("plain"), newest=ssl.TLSVersion.TLSv1_1, status=(0,)),
    Row(
        "plain HTTP is sent on",
        inside("plain"),
        "/a?b=c",
        HTTP,
        status=(308,),
        location=f"https://{inside('plain')}/a?b=c",
    ),
    Row("plain HTTP for nobody we know", "evil.example", way=HTTP, status=(404,)),
    Row("plain HTTP for a tunnelled name", "music-home.example.org", way=HTTP, status=(404,)),
    Row(
        "a name of before leads to the same path of the name of now",
        "gated.nori.lan",
        "/a/b?c=d&e=%20f",
        HTTP,
        status=(301,),
        location=f"https://{inside('gated')}/a/b?c=d&e=%20f",
    ),
    Row(
        "a name that only leads to another, at home",
        inside("tunes"),
        "/a?b=c",
        headers=SPOOFED,
        status=(301,),
        location=f"https://{inside('music')}/a?b=c",
    ),
    Row(
        "it asks for TLS first",
        inside("tunes"),
        "/a",
        way=HTTP,
        status=(308,),
        location=f"https://{inside('tunes')}/a",
    ),
    Row(
        "a name that only leads to another, on the internet",
        "tunes-home.example.org",
        "/a?b=c",
        way=TUNNEL,
        status=(301,),
        location="https://music-home.example.org/a?b=c",
    ),
    Row("a name that was never there", "nobody.nori.lan", way=HTTP, status=(404,)),
    Row("a name of before has no TLS", "gated.nori.lan", status=(0, 404)),
    Row(
        "the tunnel's way in has the same gate",
        "music-home.example.org",
        "/x",
        TUNNEL,
        status=(302,),
        location=_sign_in("https://music-home.example.org/x", rig.PUBLIC_PORTAL),
        asks="https://music-home.example.org/x",
    ),
    Row(
        "and the same identity, for whom Cloudflare speaks for",
        "music-home.example.org",
        way=TUNNEL,
        headers=(*COOKIE, *SPOOFED, *FORWARDED, ("Cf-Connecting-Ip", "203.0.113.9")),
        source="127.0.0.1",
        app="music",
        asks="https://music-home.example.org/",
        sees=SAM
        | {
            "X-Webauth-User": [],
            "X-Forwarded-For": ["203.0.113.9"],
            "X-Forwarded-Proto": ["https"],
            "X-Forwarded-Host": ["music-home.example.org"],
            "X-Real-IP": ["203.0.113.9"],
        },
    ),
    Row(
        "exempt there too", "music-home.example.org", "/rest/ping", TUNNEL, app="music", sees=NOBODY
    ),
    Row("no internal name comes in by the tunnel", inside("plain"), way=TUNNEL, status=(404,)),
    Row("nor an unknown one", "evil.example", way=TUNNEL, status=(404,)),
)


def _run(
    kind: str,
    directory: Path,
    stack: ExitStack,
    more: Changes | None = None,
    **entry: object,
) -> Running:
    made = build.plan(household(changes(kind, **entry), more or {}))
    return serve(kind, made, directory, stack)


TRAEFIK: dict[str, dict[str, Any]] = {
    # Nginx uses only 301 for a change of scheme.
    "plain HTTP is sent on": {"status": (301,)},
    # Traefik would have to buffer every body.
    "a body over it": {"status": (200,), "app": "small"},
    # Traefik cannot copy a header, so all visitors of the tunnel count as one.
    "and the same identity, for whom Cloudflare speaks for": {
        "sees": SAM
        | {
            "X-Forwarded-For": ["127.0.0.1"],
            "X-Forwarded-Proto": ["https"],
            "X-Forwarded-Host": ["music-home.example.org"],
            "X-Real-IP": ["127.0.0.1"],
        }
    },
}
"""Where Traefik differs, as the guide says. It cleans odd paths; tests/programs tests this with a
real auth proxy.
"""


def _for(kind: str, row: Row) -> Row:
    if kind != "traefik":
        return row
    row = replace(row, **TRAEFIK.get(row.what, {}))
    # Traefik passes the auth proxy's headers with their own names, so no app of its stack uses others.
    return replace(row, sees={k: v for k, v in row.sees.items() if k != "X-Webauth-User"})


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A real proxy with the rendered configuration, in front of stub apps and a stub auth proxy."""
    with ExitStack() as stack:
        yield _run(request.param, tmp_path_factory.mktemp(request.param), stack)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.what)
@pytest.mark.requirement("S0-15", "S0-18", "S1-04", "S4-12", "T1", "T21")
def test_every_proxy_gives_the_same_answer(proxy: Running, row: Row) -> None:
    """Upstream, auth request, identity, exemption, refusal, redirect."""
    if proxy.kind == "traefik" and row.path in ODD_PATHS:
        pytest.skip("Traefik cleans it first")
    row = _for(proxy.kind, row)
    answer = proxy.ask(row)
    assert answer.status in row.status
    assert answer.app == row.app
    assert answer.location == row.location
    assert [a.url for a in proxy.asked] == ([row.asks] if row.asks else [])
    believed = "remote-" if proxy.kind == "traefik" else ""
    assert not any(c.lower().startswith(believed) for a in proxy.asked for c in a.claims)
    if row.app:
        assert answer.seen["path"] == row.path
        assert answer.seen["body"] == len(row.body)
        for name, values in row.sees.items():
            assert answer.header(name) == values, name


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.requirement("S1-08")
def test_ambiguous_paths_are_refused_where_rules_name_paths(kind: str, tmp_path: Path) -> None:
    """The auth proxy normalises a path and the app may not. Other paths are checked as usual."""
    rule = {"route": "gated", "priority": 40, "policy": "deny", "paths": ["/admin/*"]}
    with ExitStack() as stack:
        running = _run(kind, tmp_path, stack, {"identity": {"rules": [rule]}})
        for path in ODD_PATHS:
            if path != "/%61pi/x":
                assert running.ask(Row("", inside("gated"), path, headers=COOKIE)).status == 403
                assert running.asked == []
        answer = running.ask(Row("", inside("gated"), "/x?y=//..;", headers=COOKIE))
        assert (answer.status, answer.app, len(running.asked)) == (200, "gated", 1)
        assert running.ask(Row("", inside("lan"), "/x/..;/y")).app == "lan"


@pytest.mark.requirement("T21")
def test_the_auth_proxy_receives_method_and_client_address(proxy: Running) -> None:
    """The method of the original request, and an address that a client cannot forge."""
    proxy.ask(Row("", inside("gated"), method="POST", headers=FORWARDED))
    assert [(a.method, a.client) for a in proxy.asked] == [("POST", CLIENT)]


@pytest.mark.requirement("S4-12")
def test_hsts_is_sent_once(proxy: Running) -> None:
    """HSTS on every TLS name, even if the app sends its own, and not on plain HTTP."""
    assert proxy.ask(Row("", inside("plain"))).hsts == ("max-age=15552000",)
    assert proxy.ask(Row("", inside("plain"), way=HTTP)).hsts == ()


@pytest.mark.parametrize("name", ["plain", "gated"])
@pytest.mark.requirement("S0-15")
def test_a_websocket_is_upgraded(proxy: Running, name: str) -> None:
    """Also behind the auth proxy."""
    connection = rig.connect(proxy.place.https, sni=inside(name), source=CLIENT)
    lines = ("GET /live HTTP/1.1", f"Host: {inside(name)}", "Connection: Upgrade")
    key = (
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    with connection, connection.makefile("rwb") as stream:
        stream.write("\r\n".join((*lines, *key, f"Cookie: {rig.SIGNED_IN}", "", "")).encode())
        stream.flush()
        assert b" 101 " in stream.readline()
        while stream.readline().strip():
            pass
        stream.write(b"ping")
        stream.flush()
        assert stream.read(4) == b"PING"


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.requirement("S4-12")
def test_tls_1_3_only_can_be_required(kind: str, tmp_path: Path) -> None:
    """`tls_min` applies to every virtual host."""
    with ExitStack() as stack:
        running = _run(kind, tmp_path, stack, tls_min="1.3", hsts=False)
        old = Row("", inside("plain"), newest=ssl.TLSVersion.TLSv1_2)
        assert running.ask(old) == rig.REFUSED
        answer = running.ask(Row("", inside("plain")))
        assert (answer.app, answer.hsts) == ("plain", ("max-age=1",))


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.requirement("S0-26")
def test_names_that_share_a_domain_have_two_portals(kind: str, tmp_path: Path) -> None:
    """A visitor from the internet is not sent to a portal that exists only at home."""
    names = {"internal": "{name}.home.example.org", "public": "{name}-out.home.example.org"}
    with ExitStack() as stack:
        running = _run(kind, tmp_path, stack, {"site": {"names": names}})
        for name, way, portal in (
            ("music-out", TUNNEL, "auth-out"),
            ("music", HTTPS, "auth"),
        ):
            answer = running.ask(Row("", inside(name), "/x", way))
            asked = f"https://{inside(name)}/x"
            assert answer.location == _sign_in(asked, f"https://{inside(portal)}")
            assert [a.url for a in running.asked] == [asked]


PASSKEYS: Changes = {
    "identity": {"provider": "pocket-id", "users": None, "api_key": {"sops": "pocket-id/api-key"}},
    "services": {
        "authelia": None,
        "pocket-id": {"publish": "tunnel", "audience": "public"},
        "gated": {
            "routes": [
                {
                    "auth": "forward",
                    "audience": "family",
                    "exempt": ["/api/*"],
                    "groups": ["admins"],
                }
            ]
        },
    },
}
THERE = f"https://{inside('gated')}/oauth2/callback"
KIM, SAMS = (("Cookie", "session=kim"),), (("Cookie", "session=sam"),)
ADAPTED = (
    Row(
        "a stranger goes to the provider and comes back to the very page",
        inside("gated"),
        "/x?y=z&w=%20v",
        status=(302,),
        location=f"{PROVIDER}?back={THERE}&rd=/x?y=z&w=%20v",
        asks="/oauth2/auth?allowed_groups=admins",
    ),
    Row(
        "also when they brought a body",
        inside("gated"),
        method="POST",
        body=b"x" * 1000,
        status=(302,),
        location=f"{PROVIDER}?back={THERE}&rd=/",
        asks="/oauth2/auth?allowed_groups=admins",
    ),
    Row(
        "who is in no group of the route does not pass",
        inside("gated"),
        headers=KIM,
        status=(403,),
        asks="/oauth2/auth?allowed_groups=admins",
    ),
    Row(
        "who is passes, by the names that the app wants",
        inside("gated"),
        "/x?y=z",
        headers=SAMS + SPOOFED,
        app="gated",
        asks="/oauth2/auth?allowed_groups=admins",
        sees={
            "Remote-User": ["sam"],
            "Remote-Name": [],
            "Remote-Email": ["sam@example.org"],
            "Remote-Groups": ["family,admins"],
            "X-Webauth-User": ["sam"],
        },
    ),
    Row(
        "an exempt path is open",
        inside("gated"),
        "/api/v1",
        headers=SPOOFED,
        app="gated",
        sees=NOBODY,
    ),
    Row(
        "the way back is the gate's, on the app's own name",
        inside("gated"),
        "/oauth2/callback?code=1",
        status=(302,),
        location="/",
    ),
    Row(
        "an app without the gate keeps that path", inside("plain"), "/oauth2/callback", app="plain"
    ),
    Row(
        "the tunnel's way in has the same gate",
        "music-home.example.org",
        "/x",
        TUNNEL,
        status=(302,),
        location=f"{PROVIDER}?back=https://music-home.example.org/oauth2/callback&rd=/x",
        asks="/oauth2/auth",
    ),
    Row(
        "nobody asks the gate from outside on a path of the proxy's own",
        inside("gated"),
        "/.homelab/sign-in",
        status=(302, 404),
        location=f"{PROVIDER}?back={THERE}&rd=/.homelab/sign-in",
        asks="/oauth2/auth?allowed_groups=admins",
    ),
)


@pytest.fixture(scope="module", params=ALIKE)
def adapted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The same with oauth2-proxy as the auth proxy."""
    with ExitStack() as stack:
        yield _run(request.param, tmp_path_factory.mktemp(request.param), stack, PASSKEYS)


@pytest.mark.parametrize("row", ADAPTED, ids=lambda r: r.what)
@pytest.mark.requirement("S0-26", "S4-16", "S4-17", "T2", "T21")
def test_oauth2_proxy_protects_the_same_paths(adapted: Running, row: Row) -> None:
    """Pocket ID with oauth2-proxy, behind every reverse proxy."""
    answer = adapted.ask(row)
    assert (answer.status in row.status, answer.app) == (True, row.app), answer
    if answer.status == 302:
        assert answer.location == row.location
    if answer.status != 404:
        assert [a.url for a in adapted.asked] == ([row.asks] if row.asks else [])
    assert not any(a.claims for a in adapted.asked)
    for name, values in row.sees.items():
        assert answer.header(name) == values, name


def test_every_proxy_is_installed_or_skipped() -> None:
    """In CI a missing proxy fails the test. Elsewhere it is skipped."""
    if os.environ.get("CI") == "true":
        assert shutil.which("caddy")
        assert shutil.which("nginx")
