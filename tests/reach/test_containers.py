"""Containers in `homelab reach`: their networks, what they publish, and what they reach."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.reach.model import Answer, Reach
from homelab.reach.picture import as_mermaid
from homelab.reach.plan import plan_reach
from homelab.reach.text import as_data, as_text, chosen
from tests import build

DIGEST = "@sha256:" + "a" * 64
IMAGE = f"ghcr.io/example/app:1{DIGEST}"
WIKI: dict[str, Any] = {
    "host": "nas",
    "audience": "family",
    "auth": "native",
    "port": 8090,
    "ports": {"git": {"port": 2222, "inside": 22, "part": "git", "scope": "lan", "why": "git"}},
    "containers": {
        "web": {"image": IMAGE, "port": 80, "depends_on": ["db"]},
        "db": {"image": IMAGE},
        "git": {"image": IMAGE},
    },
    "backup": {"skip": "a test"},
}
BOARD: dict[str, Any] = {
    "host": "nas",
    "audience": "family",
    "auth": "native",
    "port": 8091,
    "container": {"image": IMAGE, "port": 80},
    "uses": ["miniflux"],
    "backup": {"skip": "a test"},
}
BUS = {**BOARD, "port": 8092, "container": {"image": IMAGE, "port": 80, "network": "bus"}}


def reach(**services: Any) -> Reach:
    """The reach of a stack with these services."""
    return plan_reach(build.plan({"services": services, **build.TAILNET}))


def paths(found: Reach, target: str) -> dict[str, str]:
    """The path of the host and of every container that reaches a target, by name."""
    return {a.origin.name: a.path for a in inside(found) if a.target.name == target}


def inside(found: Reach) -> list[Answer]:
    """The answers about containers."""
    return [a for a in found.answers if a.origin.place in ("container", "host")]


def test_containers_of_one_service_reach_each_other_by_name() -> None:
    found = reach(wiki=WIKI)
    assert paths(found, "wiki-db") == {"nas": "bridge", "wiki-web": "podman", "wiki-git": "podman"}
    (answer,) = [a for a in found.to("wiki-db") if a.origin.name == "wiki-web"]
    assert (answer.via, answer.barriers, answer.target.source) == (
        "wiki",
        (),
        "services.wiki.containers.db",
    )
    assert answer.target.addresses == ("wiki-db", "db")


def test_what_is_published_is_named_with_the_port_inside() -> None:
    published = {a.target.name: a.target.published for a in inside(reach(wiki=WIKI))}
    assert published == {
        "wiki-web": ("100.64.0.3:8090/tcp (80 inside)",),
        "wiki-git": ("100.64.0.3:2222/tcp (22 inside)", "192.168.1.3:2222/tcp (22 inside)"),
        "wiki-db": (),
    }


def test_podman_does_not_separate_the_networks_of_a_host() -> None:
    """Networks are created without `isolate`, so the address of a container is enough."""
    found = reach(wiki=WIKI, bus=BUS, board=BOARD, miniflux={"host": "nas"})
    assert paths(found, "wiki-db")["bus"] == "forwarded"
    assert paths(found, "bus")["wiki-db"] == "forwarded"
    assert paths(found, "bus")["board"] == "forwarded"


def test_containers_of_the_default_network_have_no_names() -> None:
    found = reach(board=BOARD, other={**BOARD, "port": 8093}, miniflux={"host": "nas"})
    assert paths(found, "board") == {"nas": "bridge", "other": "podman"}
    text = as_text(found, chosen(found, "board"))
    assert "  other  Podman's default network, by its address\n" in text


def test_containers_of_another_host_are_not_reached() -> None:
    found = reach(wiki=WIKI, board={**BOARD, "host": "pi", "uses": []})
    assert paths(found, "board") == {"pi": "bridge"}


def test_a_port_of_the_host_is_open_to_the_bridge_that_asks() -> None:
    """At `host.containers.internal`; other networks do not reach it."""
    found = reach(board=BOARD, bus={**BUS, "uses": []}, miniflux={"host": "nas"})
    targets = {a.target for a in inside(found) if a.target.kind == "bridge"}
    (target,) = targets
    assert (target.service, target.host) == ("miniflux", "nas")
    assert target.addresses == ("host.containers.internal",)
    assert paths(found, target.name) == {"board": "bridge"}


def test_a_container_on_the_hosts_network_has_none_of_its_own() -> None:
    options = {"virtualisation.oci-containers.containers.board.extraOptions": ["--network=host"]}
    alone = {**BOARD, "options": options, "uses": [], "accept": {"host-network": "a test"}}
    found = reach(board=alone, wiki=WIKI)
    assert paths(found, "board") == {"nas": "host"}
    assert "board" not in paths(found, "wiki-db")


def test_containers_are_in_text_data_and_picture() -> None:
    found = reach(wiki=WIKI)
    answers = chosen(found, "wiki-db")
    text = as_text(found, answers)
    assert "wiki-db · db (container of wiki on nas)\n" in text
    assert "  nas                 bridge pod-wiki\n" in text
    assert "  wiki-web, wiki-git  Podman network wiki\n" in text
    why = as_text(found, answers, why=True)
    assert "    wiki-db is on the network wiki [services.wiki.containers.db]\n" in why
    data = [d for d in as_data(answers) if isinstance(d, dict) and d["target"] == "wiki-db"]
    assert {(d["kind"], d["from"], d["path"]) for d in data} == {
        ("container", "host", "bridge"),
        ("container", "container", "podman"),
    }
    assert '"Podman network wiki"' in as_mermaid(found, answers)


def test_no_container_answers_about_one_origin_alone() -> None:
    """Checks that ask about the internet, or about one service, compare ports and names."""
    plan = build.plan({"services": {"wiki": WIKI}})
    assert not inside(plan_reach(plan, services=frozenset({"wiki"})))


@pytest.mark.parametrize("name", ["wiki-web", "web", "wiki", "nas"])
def test_a_container_is_found_by_its_names(name: str) -> None:
    found = reach(wiki=WIKI)
    assert any(a.target.name == "wiki-web" for a in chosen(found, name))
