"""Checks of ports and the resolver: one stack breaks each, another one passes."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

BOX: Changes = {
    "host": "nas",
    "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
    "auth": "none",
    "backup": {"skip": "keeps nothing"},
    "tile": {"group": "Tools"},
}


def box(**more: object) -> Changes:
    return {"services": {"box": {**BOX, "port": 8123, **more}}}


def banded(port: int | None, **box_: object) -> Changes:
    return {
        "network": {"ports": {"policy": "banded"}},
        "services": {"miniflux": {"host": "nas", **({"port": port} if port else {})}, **box_},
    }


def bootstrap(*addresses: str) -> Changes:
    return {"network": {"dns": {"bootstrap": [*addresses]}}}


@pytest.mark.parametrize(
    ("check", "broken", "where", "words", "kept"),
    [
        (
            "dns-bootstrap",
            bootstrap(),
            "network.dns.bootstrap",
            "cannot resolve the names of its own upstreams",
            bootstrap("9.9.9.9"),
        ),
        (
            "dns-bootstrap",
            bootstrap("1.1.1.1", "192.168.1.2"),
            "network.dns.bootstrap[1]",
            "would query itself",
            {**bootstrap(), "network": {"dns": {"server": "none", "host": None, "bootstrap": []}}},
        ),
        (
            "firewall-owner",
            box(ports={"sync": {"port": 22000, "scope": "lan"}}),
            "services.box.ports.sync",
            "without a reason",
            box(ports={"sync": {"port": 22000, "scope": "lan", "why": "phones sync at home"}}),
        ),
        (
            "port-band",
            banded(8080),
            "services.miniflux.port",
            "outside the band of services, 20000 to 29999",
            banded(20500),
        ),
        ("port-band", banded(19999), "services.miniflux.port", "outside the band", banded(None)),
        (
            "port-unique",
            {"services": {"box": {**BOX, "port": 8080}, "other": {**BOX, "port": 8080}}},
            "services.other.port",
            "box and other both use 8080/tcp on nas",
            {"services": {"box": {**BOX, "port": 8080}, "other": {**BOX, "port": 8081}}},
        ),
        (
            "port-unique",
            box(ports={"log": {"port": 514, "protocol": "tcp"}, "ssh": {"port": 22}}),
            "hosts.nas.ssh.port",
            "box and ssh both use 22/tcp on nas",
            box(ports={"log": {"port": 514, "protocol": "udp"}}),
        ),
        (
            "port-unique",
            box(ports={"a": {"port": 9001}, "b": {"port": 9001}}),
            "services.box.ports.b",
            "the ports a and b of box are both 9001/tcp",
            box(ports={"a": {"port": 9001}, "b": {"port": 9002}}),
        ),
    ],
)
@pytest.mark.requirement("S0-11", "S0-19", "S0-56", "S4-02", "T10")
def test_a_stack_that_breaks_one_rule_has_that_problem(
    check: str, broken: Changes, where: str, words: str, kept: Changes
) -> None:
    (problem,) = build.found(broken, check)
    assert problem.where == where
    assert words in problem.what
    assert problem.way_out
    assert build.found(kept, check) == []


@pytest.mark.requirement("S0-11")
def test_a_udp_port_and_a_tcp_port_of_one_number_do_not_conflict() -> None:
    """A resolver uses both."""
    ports = {
        "a": {"port": 3478, "protocol": "udp", "scope": "lan", "why": "calls"},
        "b": {"port": 3478, "protocol": "tcp", "scope": "lan", "why": "calls"},
    }
    assert build.found(box(ports=ports), "port-unique") == []


@pytest.mark.requirement("T10", "S4-02")
def test_an_allocated_port_stays_when_other_services_are_removed() -> None:
    """With bands and the lock; a port in the stack overrides both."""
    made = build.plan(banded(None, vaultwarden={"host": "nas"}))
    ports = {s.name: s.port for s in made.services}
    assert 20000 <= ports["miniflux"] <= 29999
    assert ports["miniflux"] != ports["vaultwarden"]
    said = build.plan(banded(21000))
    assert said.service("miniflux").port == 21000  # type: ignore[union-attr]
