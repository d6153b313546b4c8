"""Services that call each other: *arr apps and their indexers, a page and what it shows."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

IMAGE = f"ghcr.io/example/app:1@sha256:{'0' * 64}"


def app(port: int, host: str, **more: object) -> Changes:
    return {
        "host": host,
        "container": {"image": IMAGE, "port": 80},
        "port": port,
        "auth": "none",
        "backup": {"skip": "keeps nothing"},
        "tile": {"group": "Tools"},
        **more,
    }


def linked(**jackett: object) -> Changes:
    """Sonarr on one host asks Jackett on another."""
    return {
        "services": {
            "sonarr": app(8989, "pi", uses=["jackett"]),
            "jackett": app(9117, "nas", **jackett),
        }
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (linked(enable=False), ("jackett is switched off", "drop services.jackett.enable,")),
        (
            {"services": {"sonarr": app(8989, "pi", uses=["jacket"]), "jackett": app(9117, "nas")}},
            ('no service "jacket" runs here', 'did you mean "jackett"?'),
        ),
    ],
)
@pytest.mark.requirement("S3-04")
def test_a_link_ends_at_a_service_that_runs(changes: Changes, words: tuple[str, str]) -> None:
    """`link-endpoint` is `service-uses`."""
    (problem,) = build.found(changes, "service-uses")
    assert problem.where == "services.sonarr.uses[0]"
    assert words[0] in problem.what
    assert words[1] in problem.way_out
    assert build.found(linked(), "service-uses") == []


@pytest.mark.requirement("S3-04")
def test_a_link_to_a_service_without_a_web_port_names_the_port_that_it_has() -> None:
    """`uses` would open nothing, and a reference opens the port that it names."""
    bot = {"container": {"image": IMAGE}, "host": "nas", "backup": {"skip": "keeps nothing"}}
    changes: Changes = {"services": {"sonarr": app(8989, "pi", uses=["bot"]), "bot": bot}}
    (problem,) = build.found(changes, "service-uses")
    assert (problem.what, problem.way_out) == (
        "bot has no web port, which uses would open",
        "leave it out",
    )
    bot["ports"] = {"chat": {"port": 7000}}
    (problem,) = build.found(changes, "service-uses")
    assert "{$service: {name: bot, port: chat}}" in problem.way_out
    changes["services"]["sonarr"]["container"]["environment"] = {
        "BOT": {"$service": {"name": "bot", "port": "chat"}}
    }
    changes["services"]["sonarr"]["uses"] = []
    assert not build.found(changes, "service-uses")
    assert [p.why for p in build.plan(changes).firewall.on("nas") if p.port == 7000]


@pytest.mark.requirement("S3-04", "S0-56")
def test_a_link_opens_its_port_to_the_tailnet_and_says_for_whom() -> None:
    """With routes or without, and nothing on the LAN."""
    made = build.plan({**build.TAILNET, **linked(auth=None, routes=[])})
    (use,) = [p for p in made.firewall.on("nas") if p.port == 9117]
    assert (use.scope, use.why) == ("tailnet", "called by pi")


@pytest.mark.requirement("S3-04")
def test_two_that_call_each_other_wait_for_neither() -> None:
    """An order both ways is a circle, which systemd breaks by never starting one of them."""
    image = {"image": IMAGE, "port": 80, "network": "media"}
    both = {
        "sonarr": app(8989, "nas", uses=["jackett"], container=image),
        "jackett": app(9117, "nas", uses=["sonarr"], container=image),
    }
    files = build.render({"services": both})["nas"]
    for name, other in (("sonarr", "jackett"), ("jackett", "sonarr")):
        assert f"podman-{other}" not in files[f"services/{name}.nix"]
    assert [p for p in build.problems({"services": both}) if p.severity == "error"] == []
