"""Plain HTTP at home shows one service at the entry host's own names and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import household
from tests.proxy.nixos import options
from tests.proxy.running import ALIKE
from tests.proxy.stack import changes
from tests.proxy.tables import module_of
from tests.proxy.test_request_table import HTTP, NOBODY, SPOOFED, TUNNEL, Row, Running, _run
from tests.tools.options import check_module

pytestmark = pytest.mark.requirement("S3-11")

MDNS = {"hosts": {"pi": {"mdns": True, "interface": "end0"}}}


@pytest.fixture(scope="module", params=ALIKE)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A real proxy that shows the app `plain` on plain HTTP."""
    with ExitStack() as stack:
        place = tmp_path_factory.mktemp(request.param)
        yield _run(request.param, place, stack, MDNS, local_http="plain")


@pytest.mark.parametrize("host", ["pi.local", "127.9.0.2", "100.64.0.2"])
def test_the_hosts_own_names_lead_to_it_without_identity_headers(proxy: Running, host: str) -> None:
    answer = proxy.ask(Row("", host, "/x?y", way=HTTP, headers=SPOOFED))
    assert (answer.status, answer.app) == (200, "plain")
    assert answer.seen["path"] == "/x?y"
    assert answer.header("Host") == [host]
    assert answer.header("X-Forwarded-Proto") == ["http"]
    for name, values in NOBODY.items():
        assert answer.header(name) == values


@pytest.mark.parametrize(
    ("host", "way"), [("nas.local", HTTP), ("127.9.0.3", HTTP), ("pi.local", TUNNEL)]
)
def test_no_other_name_or_listener_leads_to_it(proxy: Running, host: str, way: str) -> None:
    answer = proxy.ask(Row("", host, way=way))
    assert (answer.status, answer.app) == (404, "")


def test_names_with_a_certificate_are_sent_on_to_https_as_before(proxy: Running) -> None:
    answer = proxy.ask(Row("", "plain.home.example.org", way=HTTP))
    assert (answer.status, answer.location) == (308, "https://plain.home.example.org/")


def _made(kind: str, **entry: object) -> Any:
    return build.plan(household(changes(kind, **entry), MDNS))


def test_traefik_has_a_router_for_them_alone(tmp_path: Path) -> None:
    module = module_of(_made("traefik", local_http="plain"), "traefik")
    http = options(module, tmp_path)["services"]["traefik"]["dynamicConfigOptions"]["http"]
    router = http["routers"]["local"]
    assert router["rule"] == "Host(`pi.local`) || Host(`127.9.0.2`) || Host(`100.64.0.2`)"
    assert router["entryPoints"] == ["http"]
    assert router["middlewares"] == ["strip"]
    assert http["services"][router["service"]]["loadBalancer"]["servers"][0]["url"].endswith(
        ":3004"
    )


@pytest.mark.parametrize("kind", PROXIES)
def test_every_proxy_has_the_options_for_it(kind: str) -> None:
    assert check_module(module_of(_made(kind, local_http="plain"), kind)) == []


@pytest.mark.parametrize(
    ("service", "says"),
    [
        ("plan", "plan has no web page"),
        ("gated", "gated has auth: forward, which plain HTTP would bypass"),
    ],
)
def test_a_missing_service_or_one_behind_sign_in_is_refused(service: str, says: str) -> None:
    (problem,) = build.found(household(changes("nginx", local_http=service)), "local-http")
    assert (problem.where, problem.what) == ("network.entry.local_http", says)
    assert not build.found(household(changes("nginx", local_http="plain")), "local-http")


def test_without_it_plain_http_has_no_such_name() -> None:
    plan = _made("nginx")
    assert "pi.local" not in str(module_of(plan, "nginx").derived)
