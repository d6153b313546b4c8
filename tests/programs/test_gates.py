"""One table of requests through Caddy, Nginx and Traefik, with a real Authelia."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from homelab.plan import Plan
from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.programs.authelia import Authelia, started
from tests.proxy.rig import Answer
from tests.proxy.running import CLIENT, HTTPS, TUNNEL, Row, Running, serve
from tests.proxy.stack import _app, changes
from tests.proxy.test_request_table import FORWARDED, ODD_PATHS, SPOOFED

RULES = [
    {
        "route": "judged",
        "priority": 40,
        "policy": "two_factor",
        "groups": ["admins"],
        "paths": ["/admin/*"],
    },
    {"route": "judged", "priority": 41, "policy": "deny", "paths": ["/admin/*", "/metrics"]},
    {"route": "judged", "priority": 42, "policy": "deny", "resources": ["^/u/[0-9]+/edit$"]},
    {"route": "judged", "priority": 66, "policy": "deny", "paths": ["/never"]},
]
MORE: Changes = {
    "identity": {"rules": RULES},
    "services": {
        "judged": _app(
            3010,
            routes=[
                {
                    "name": "judged",
                    "auth": "forward",
                    "audience": "family",
                    "publish": "tunnel",
                    "exempt": ["/ping"],
                    "groups": ["family"],
                }
            ],
        ),
        "strict": _app(
            3011,
            routes=[
                {"auth": "forward", "policy": "two_factor", "groups": ["admins"], "exempt": []}
            ],
        ),
    },
}


def stack(proxy: str) -> Changes:
    """The stack of the request table, with rules about paths."""
    return household(changes(proxy), MORE)


@dataclass(frozen=True)
class Entry:
    """A reverse proxy and a portal."""

    proxy: Running
    portal: Authelia

    def ask(self, who: str, row: Row) -> Answer:
        """Send a request as a user. A `+` after the name means a second factor."""
        at = f"auth{'.home' if row.way == HTTPS else '-home'}.example.org"
        name, strong = who.removesuffix("+"), who.endswith("+")
        cookie = self.portal.cookie(at, name, strong=strong) if who else ()
        # Like a browser: other clients receive 401 instead of a redirect.
        headers = (("Accept", "text/html"), *cookie, *row.headers)
        return self.proxy.ask(
            Row("", row.host, row.path, row.way, headers=headers, source=row.source)
        )


@pytest.fixture(scope="module", params=PROXIES)
def entry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Entry]:
    """A real reverse proxy in front of stub apps, and the real auth proxy."""
    kind = request.param
    made = build.plan(stack(kind))
    portals: list[Authelia] = []

    def gate(plan: Plan, directory: Path, stack: ExitStack) -> dict[str, str]:
        portals.append(started(plan, directory, stack))
        assert plan.identity is not None
        return {plan.identity.auth_proxy.address: f"127.0.0.1:{portals[0].port}"}

    with ExitStack() as until_then:
        running = serve(kind, made, tmp_path_factory.mktemp(kind), until_then, gate)
        yield Entry(running, portals[0])


HOME = ("judged.home.example.org", HTTPS)
PUBLIC = ("judged-home.example.org", TUNNEL)
WAYS = pytest.mark.parametrize(("host", "way"), [HOME, PUBLIC], ids=["at home", "by the tunnel"])
NOBODY, KIM, SAM, STRONG, EVE = "", "kim", "sam", "sam+", "eve"
ADMIN = (
    *(
        "/admin",
        "/admin?x=1",
        "/admin?",
        "/admin/",
        "/admin/x",
        "/admin/x?y=z",
        "/Admin",
        "/ADMIN/x",
    ),
    *("/admin/x?y=/ping", "/%61dmin", "/admin%20"),
)
DENIED = ("/metrics", "/metrics?x", "/metrics/", "/u/7/edit", "/u/7/edit?x=/", "/METRICS")
OPEN = ("/", "/x", "/adminx", "/x/admin", "/x?y=/admin", "/u/7/edits", "/never", "/u/7")


@WAYS
@pytest.mark.parametrize("path", ADMIN)
@pytest.mark.requirement("S1-08")
def test_a_rule_about_a_path_is_not_evaded(entry: Entry, host: str, way: str, path: str) -> None:
    """With a query, another spelling, or a slash."""
    expected = {NOBODY: 302, KIM: 403, EVE: 403, SAM: 302, STRONG: 200}
    if path == "/admin%20":
        expected = {NOBODY: 302, KIM: 200, EVE: 403, SAM: 200, STRONG: 200}
    found = {who: entry.ask(who, Row("", host, path, way)).status for who in expected}
    assert found == expected


@WAYS
@pytest.mark.parametrize("path", DENIED)
@pytest.mark.requirement("S1-08")
def test_a_denied_path_is_denied_to_every_user(
    entry: Entry, host: str, way: str, path: str
) -> None:
    for who in (KIM, SAM, STRONG):
        assert entry.ask(who, Row("", host, path, way)).status == 403


@WAYS
@pytest.mark.parametrize("path", OPEN)
@pytest.mark.requirement("S0-26", "S1-08")
def test_a_path_without_a_rule_follows_the_route(
    entry: Entry, host: str, way: str, path: str
) -> None:
    """The route's group passes with a password, and no other user."""
    expected = {NOBODY: 302, EVE: 403, KIM: 200, STRONG: 200}
    found = {who: entry.ask(who, Row("", host, path, way)).status for who in expected}
    assert found == expected


@WAYS
@pytest.mark.parametrize("path", [p for p in ODD_PATHS if p != "/%61pi/x"])
@pytest.mark.requirement("S1-08")
def test_an_ambiguous_path_is_refused_or_normalised(
    entry: Entry, host: str, way: str, path: str
) -> None:
    """Refused, or passed on as the auth proxy checked it."""
    for who in (NOBODY, KIM, STRONG):
        answer = entry.ask(who, Row("", host, path, way))
        if answer.app:
            seen = str(answer.seen["path"])
            assert who or seen == "/ping"
            assert not any(x in seen for x in ("..", "//", ";", "%2", "%5", "%01", "%3"))
        else:
            assert answer.status in (302, 400, 403, 404), (who, answer)


@pytest.mark.parametrize("path", ODD_PATHS)
@pytest.mark.requirement("S0-15", "T1")
def test_an_ambiguous_path_is_not_exempt(entry: Entry, path: str) -> None:
    """On a route without rules about paths, such a path needs a sign-in."""
    answer = entry.ask(NOBODY, Row("", "gated.home.example.org", path))
    if answer.app:
        # Traefik normalises a path before it matches it, and passes on the normalised path.
        assert entry.proxy.kind == "traefik"
        assert str(answer.seen["path"]).startswith(("/api/", "/ping", "/v1.0/"))
        assert not any(x in str(answer.seen["path"]) for x in ("..", "//", ";", "%2F", "%2f", "%5"))
    else:
        assert answer.status in (302, 308, 400), answer


@pytest.mark.parametrize("path", ["/api/x", "/api/x?y=..;", "/ping", "/ping?x", "/v1.0/a%20b"])
@pytest.mark.requirement("S0-26", "T21")
def test_an_exempt_path_is_open_and_carries_no_identity(entry: Entry, path: str) -> None:
    answer = entry.ask(NOBODY, Row("", "gated.home.example.org", path, headers=SPOOFED))
    assert (answer.status, answer.app) == (200, "gated")
    for header in ("Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name"):
        assert answer.header(header) == []


@pytest.mark.parametrize(("host", "way", "source"), [(*HOME, CLIENT), (*PUBLIC, "127.0.0.1")])
@pytest.mark.requirement("T21")
def test_identity_headers_come_only_from_the_auth_proxy(
    entry: Entry, host: str, way: str, source: str
) -> None:
    """Headers of the client about identity and address are removed."""
    forged = (*SPOOFED, *FORWARDED, ("Cf-Connecting-Ip", "203.0.113.9"))
    answer = entry.ask(KIM, Row("", host, "/x", way, headers=forged, source=source))
    assert (answer.status, answer.app) == (200, "judged")
    assert answer.header("Remote-User") == ["kim"]
    assert answer.header("Remote-Groups") == ["family"]
    assert answer.header("Remote-Email") == ["kim@example.org"]
    assert answer.header("Remote-Name") == ["Kim Smith"]
    assert answer.header("X-Forwarded-Host") == [host]
    assert answer.header("X-Forwarded-Proto") == ["https"]
    assert not any("6.6.6.6" in v for _, v in answer.seen["headers"])


@pytest.mark.parametrize(("host", "way"), [HOME, PUBLIC])
@pytest.mark.requirement("T21")
def test_rate_limits_use_an_address_that_a_visitor_cannot_forge(
    entry: Entry, host: str, way: str
) -> None:
    """Cloudflare appends the visitor's address to the client's header."""
    forged = (
        ("X-Forwarded-For", "6.6.6.6,203.0.113.9"),
        ("X-Real-IP", "6.6.6.6"),
        ("Cf-Connecting-Ip", "203.0.113.9"),
    )
    log = entry.portal.config.parent / "authelia.log"
    before = len(log.read_text())
    source = CLIENT if way == HTTPS else "127.0.0.1"
    entry.ask(NOBODY, Row("", host, "/who", way, headers=forged, source=source))
    said = log.read_text()[before:]
    behind = "127.0.0.1" if entry.proxy.kind == "traefik" else "203.0.113.9"
    assert f"remote_ip={CLIENT if way == HTTPS else behind}" in said
    assert "6.6.6.6" not in said


@pytest.mark.requirement("S1-07")
def test_a_second_factor_is_required_where_the_route_says_so(entry: Entry) -> None:
    expected = {NOBODY: 302, KIM: 403, SAM: 302, STRONG: 200}
    row = Row("", "strict.home.example.org", "/x")
    assert {who: entry.ask(who, row).status for who in expected} == expected


@pytest.mark.requirement("S0-26")
def test_an_unknown_user_is_sent_to_a_reachable_portal(entry: Entry) -> None:
    for (host, way), portal in ((HOME, "auth.home"), (PUBLIC, "auth-home")):
        answer = entry.ask(NOBODY, Row("", host, "/x?y=z", way))
        assert answer.location.startswith(f"https://{portal}.example.org/?rd=https%3A%2F%2F{host}")


def test_every_rule_matches_some_request() -> None:
    """Every rule must match some request of the table."""
    plan = build.plan(stack("caddy"))
    assert plan.identity is not None
    said = {r.policy for r in plan.identity.rules if r.route == "judged"}
    assert said == {"two_factor", "deny", "one_factor"}
    assert len(list(product(ADMIN, (HOME, PUBLIC)))) == 2 * len(ADMIN)
