"""The home stack with each proxy: real proxies answer as the plan says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from homelab.config.document import Document, read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.proxy.registry import PROXIES
from tests import build
from tests.proxy import rig
from tests.proxy.running import ALIKE, HTTP, HTTPS, TUNNEL, Row, Running, serve
from tests.proxy.tables import table

STACK = build.SHIPPED / "Pulumi.home.yaml"
SIGNED_IN = (("Cookie", rig.SIGNED_IN),)


def home(kind: str) -> Plan:
    """The shipped stack with this proxy."""
    values = dict(read_document(STACK).values)
    network = values["network"]
    assert isinstance(network, dict)
    lan = {"cidr": "127.9.0.0/16", "gateway": "127.9.0.254"}
    values["network"] = {**network, "lan": lan, "entry": {"host": "pi", "proxy": kind}}
    hosts = values["hosts"]
    assert isinstance(hosts, dict)
    values["hosts"] = {
        name: {**host, "address": {**host.get("address", {}), "lan": f"127.9.0.{i + 2}"}}
        for i, (name, host) in enumerate(hosts.items())
        if isinstance(host, dict)
    }
    return make_plan(load_stack_config(Document(values)), Lock())


@pytest.fixture(scope="module", params=ALIKE)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A real proxy for the home stack, with stub apps and a stub auth proxy."""
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp(request.param)
        yield serve(request.param, home(request.param), directory, stack)


# The portal is the auth proxy itself, and its stub has no pages.
ROUTES = tuple(r for r in home("caddy").routes if r.service != "authelia")


@dataclass(frozen=True)
class Way:
    """One name of a route, and its listener."""

    route: Route
    name: str
    way: str

    def row(self, path: str = "/x?y=z", **more: object) -> Row:
        return Row("", self.name, path, self.way, **more)  # type: ignore[arg-type]

    @property
    def portal(self) -> str:
        return rig.PUBLIC_PORTAL if self.way == TUNNEL else rig.PORTAL


WAYS = [
    *(Way(r, r.internal, HTTPS) for r in ROUTES),
    *(Way(r, r.public, TUNNEL) for r in ROUTES if r.public),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: f"{w.route.name}-{w.way}")
@pytest.mark.requirement("S0-15", "S0-26", "S1-04", "T1")
def test_every_name_leads_to_its_app_behind_its_sign_in_and_to_no_other(
    proxy: Running, way: Way
) -> None:
    """Unknown users are sent to the portal, signed-in users to the app."""
    stranger = proxy.ask(way.row())
    if way.route.auth == "forward":
        asked = f"https://{way.name}/x?y=z"
        assert (stranger.status, stranger.app) == (302, "")
        assert stranger.location == f"{way.portal}/?rd={asked}"
        assert [a.url for a in proxy.asked] == [asked]
    else:
        assert (stranger.status, stranger.app, proxy.asked) == (200, way.route.service, [])
    known = proxy.ask(way.row(headers=SIGNED_IN))
    assert (known.status, known.app) == (200, way.route.service)
    told = known.header("Remote-User")
    assert told == (["sam"] if way.route.auth == "forward" else [])


@pytest.mark.parametrize("way", [w for w in WAYS if w.route.exempt], ids=lambda w: w.way)
@pytest.mark.requirement("S0-26")
def test_exempt_paths_for_an_apps_clients_are_open(proxy: Running, way: Way) -> None:
    """Identity headers of a client are not trusted there."""
    for path in way.route.exempt:
        spoofed = (("Remote-User", "root"),)
        answer = proxy.ask(way.row(path.replace("*", "a"), headers=spoofed))
        assert (answer.status, answer.app, proxy.asked) == (200, way.route.service, [])
        assert answer.header("Remote-User") == []


@pytest.mark.parametrize("way", [HTTPS, HTTP, TUNNEL])
@pytest.mark.requirement("S0-15")
def test_a_name_that_no_route_has_is_refused(proxy: Running, way: str) -> None:
    """On every listener."""
    answer = proxy.ask(Row("", "nobody.home.example.org", way=way))
    expected = 308 if way == HTTP else 404
    assert (answer.status, answer.app) == (expected, "")


@pytest.mark.requirement("S0-14")
def test_no_internal_name_is_served_through_the_tunnel(proxy: Running) -> None:
    for route in ROUTES:
        assert proxy.ask(Row("", route.internal, way=TUNNEL)).status == 404


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.requirement("T1")
def test_traefik_has_the_same_table(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Names, upstreams, gates and exempt paths, as its parsed routers have them."""
    first = table(home("caddy"), "caddy", tmp_path_factory.mktemp("caddy"))
    assert table(home(kind), kind, tmp_path_factory.mktemp(kind)) == first
