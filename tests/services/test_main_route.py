"""A service with several routes has a main one, and its app accepts the names of all."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

FIRST = {"name": "a"}
SECOND = {"name": "b", "main": True}


def routed(service: str, *routes: Changes, **more: object) -> Changes:
    return {"services": {service: {"host": "nas", "routes": [*routes], **more}}}


def nix(service: str, *routes: Changes, **more: object) -> str:
    return build.render(routed(service, *routes, **more))["nas"][f"services/{service}.nix"]


def test_the_url_of_a_service_is_that_of_its_main_route() -> None:
    assert 'root_url = "https://b.home.example.org/";' in nix("grafana", FIRST, SECOND)
    assert 'root_url = "https://a.home.example.org/";' in nix("grafana", FIRST, {"name": "b"})


def test_the_tile_of_the_main_route_has_the_title_of_the_service() -> None:
    changes = routed("grafana", FIRST, SECOND)
    changes["services"]["homepage"] = {"host": "pi"}
    plan = build.plan(changes)
    assert plan.dashboard is not None
    titles = {t.url: t.title for _, tiles in plan.dashboard.groups for t in tiles}
    assert titles["https://b.home.example.org"] == "Grafana"
    assert titles["https://a.home.example.org"] == "Grafana (a)"


@pytest.mark.requirement("S2-22")
@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (
            "cockpit",
            'allowed-origins = ["https://b.home.example.org" "https://a.home.example.org"]',
        ),
        ("nextcloud", 'lib.mkAfter ["b.home.example.org" "a.home.example.org"]'),
        ("healthchecks", 'ALLOWED_HOSTS = ["b.home.example.org" "a.home.example.org"]'),
        ("tandoor-recipes", 'ALLOWED_HOSTS = "b.home.example.org,a.home.example.org"'),
        (
            "paperless",
            'CSRF_TRUSTED_ORIGINS = "https://b.home.example.org,https://a.home.example.org"',
        ),
    ],
)
def test_an_app_that_has_to_know_its_names_knows_all(service: str, expected: str) -> None:
    shown = " ".join(nix(service, FIRST, SECOND).split())
    assert expected in shown.replace("[ ", "[").replace(" ]", "]")


def test_a_published_route_has_two_names() -> None:
    more = {"options": {"environment.etc": {k: {f"${w}": k} for k, w in KINDS.items()}}}
    changes = testing.merged(
        {"cloudflare": {"tunnel": {"host": "pi"}}},
        routed("grafana", {"name": "a", "publish": "tunnel", "audience": "family"}, **more),
    )
    text = " ".join(build.render(changes)["nas"]["services/grafana.nix"].split())
    assert 'all = [ "https://a.example.org" "https://a.home.example.org" ];' in text
    assert 'internal = [ "a.home.example.org" ];' in text
    assert 'public = [ "a.example.org" ];' in text


KINDS = {"all": "urls", "internal": "fqdns", "public": "fqdns"}


def test_the_names_in_a_text_have_the_separator_that_it_states() -> None:
    value = {"$text": "{fqdns: } {urls}"}
    text = nix("grafana", FIRST, SECOND, options={"environment.etc.x.text": value})
    assert (
        "b.home.example.org a.home.example.org "
        "https://b.home.example.org,https://a.home.example.org" in text
    )


def test_a_service_without_a_route_is_at_its_own_address() -> None:
    options = {"environment.etc": {"u": {"$urls": "all"}, "p": {"$fqdns": "public"}}}
    text = " ".join(nix("grafana", options=options).split())
    assert 'u = [ "http://127.0.0.1:3000" ];' in text
    assert "p = [ ];" in text


def test_two_main_routes_are_refused() -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan(routed("grafana", {"name": "a", "main": True}, SECOND))
    (problem,) = refused.value.problems
    assert "routes[0] and routes[1] are both the main route" in str(problem)
    assert "leave main out of routes[1]" in str(problem)


def test_a_route_that_is_not_http_is_not_the_main_one() -> None:
    ssh = {"name": "ssh", "main": True, "tunnel_service": "ssh://192.168.1.3:22"}
    with pytest.raises(InvalidStackError, match="cannot be the main route"):
        build.plan(routed("grafana", ssh))


def test_a_kind_of_names_that_does_not_exist_is_a_problem() -> None:
    options = {"environment.etc.x": {"$urls": "pubic"}}
    (problem,) = build.found(routed("grafana", FIRST, options=options), "option-word")
    assert problem.what == '$urls takes no "pubic"'
    assert 'did you mean "public"?' in problem.way_out
