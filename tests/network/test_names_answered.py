"""Without a resolver of the stack, internal names that lead nowhere at home are told of."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.network.clients import guide
from homelab.problems import Problem
from homelab.reach.plan import plan_reach
from homelab.testing import changed
from tests import build

pytestmark = pytest.mark.requirement("S0-19")

IMAGE = f"a/b:1@sha256:{'0' * 64}"
NONE: dict[str, Any] = {
    "network": {"dns": {"host": None, "server": "none"}},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "services": {"jellyfin": {"host": "pi", "name": "films"}},
}
NAME = "films.home.example.org"
TAILNET = build.TAILNET["tailnet"]
assert isinstance(TAILNET, dict)


def own(text: str) -> dict[str, Any]:
    return {"hosts": {"nas": {"modules": ["own.nix"]}}, "own": text}


def told(changes: dict[str, Any]) -> list[Problem]:
    said = changed(NONE, {k: v for k, v in changes.items() if k != "own"})
    plan = build.plan(said)
    sources = build.sources(plan)
    if "own" in changes:
        sources["own.nix"] = f"{{ lib, ... }}: {{ {changes['own']} }}\n"
    return [p for p in build.check_sources(plan, sources) if p.check == "names-answered"]


def route(**said: object) -> dict[str, Any]:
    said = {"name": "films", **said}
    return {"services": {"jellyfin": {"name": None, "routes": [said]}}}


def container(**said: object) -> dict[str, Any]:
    return {"services": {"box": {"host": "nas", "backup": {"skip": "it has none"}, **said}}}


def test_names_that_nothing_answers_are_told_once_with_what_would() -> None:
    two = {"services": {"navidrome": {"host": "pi", "name": "music", "auth": "native"}}}
    (problem,) = told(two)
    assert (problem.severity, problem.where) == ("warning", "network.dns.server")
    assert f"nothing at home answers for {NAME}, music.home.example.org" in problem.what
    assert "dns: {host: pi, server: blocky}" in problem.way_out
    assert "server: elsewhere" in problem.way_out
    assert "192.168.1.2" in problem.way_out
    assert told({"network": {"dns": {"host": "pi", "server": "blocky"}}}) == []
    assert told({"network": {"dns": {"server": "elsewhere"}}}) == []


ANSWERED: dict[str, dict[str, Any]] = {
    "no route": {"services": {"jellyfin": {"name": None, "routes": []}}},
    "published": route(publish="tunnel"),
    "a port of its own at home": route(lan_direct=True),
    "shown at the address of the entry host": {"network": {"entry": {"local_http": "jellyfin"}}},
    "a split of the tailnet": {
        "tailnet": {**TAILNET, "dns": {"split": {"home.example.org": ["192.168.1.1"]}}}
    },
    "a wider split of the tailnet": {
        "tailnet": {**TAILNET, "dns": {"split": {"example.org": ["192.168.1.1"]}}}
    },
    "a planned entry host": {"hosts": {"pi": {"state": "planned"}}},
    "a proxy of its owner": {"hosts": {"pi": {"manage": ["services"]}}},
    "a service of the catalog": {"services": {"unbound": {"host": "nas"}}},
    "a container by its image": container(
        container={"image": IMAGE.replace("a/b", "docker.io/pihole/pihole"), "port": 80}
    ),
    "a port for lookups": container(
        container={"image": IMAGE, "port": 80},
        ports={"dns": {"port": 53, "protocol": "udp", "scope": "lan", "why": "lookups"}},
    ),
    "an option of a service": container(
        container={"image": IMAGE, "port": 80}, options={"services.dnsmasq.enable": True}
    ),
    "an own module": own("services.unbound.enable = true;"),
    "an own module with a longer name": own("services.technitium-dns-server.enable = true;"),
    "an open port of an own module": own("networking.firewall.allowedUDPPorts = [ 53 ];"),
    "a container of an own module": own(
        'virtualisation.oci-containers.containers.x.ports = [ "192.168.1.3:53:53/udp" ];'
    ),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_answers_or_needs_no_name_is_no_warning(name: str) -> None:
    assert told(ANSWERED[name]) == []


@pytest.mark.parametrize(
    "text",
    [
        "services.resolved.enable = true;",
        "services.unbound.enable = false;",
        "networking.firewall.allowedUDPPorts = [ 5353 ];",
        'virtualisation.oci-containers.containers.x.ports = [ "127.0.0.1:5300:5300" ];',
    ],
)
def test_what_answers_nobody_else_is_no_resolver(text: str) -> None:
    assert told(own(text))


def test_a_resolver_elsewhere_leads_to_the_proxy() -> None:
    """What it answers is reached at home, and needs a sign-in there."""
    for server, path in (("none", "nobody"), ("elsewhere", "lan")):
        plan = build.plan(changed(NONE, {"network": {"dns": {"server": server}}}))
        (found,) = [
            a
            for a in plan_reach(plan).to("films")
            if a.origin.name == "lan" and a.target.kind == "route"
        ]
        assert found.path == path, server
    one = {
        "site": {"names": {"internal": "{name}-home.{zone}", "public": "{name}-home.{zone}"}},
        "services": {"jellyfin": {"publish": "tunnel"}},
        "network": {"dns": {"server": "elsewhere"}},
    }
    (told_route,) = build.plan(changed(NONE, one)).routes_of("jellyfin")
    assert told_route.internal == told_route.public == "films-home.example.org"


def test_the_page_for_devices_says_what_the_other_resolver_must_answer() -> None:
    page = guide(build.plan(changed(NONE, {"network": {"dns": {"server": "elsewhere"}}})))
    assert "must answer each of these with `192.168.1.2` (pi)" in page
    assert f"- `{NAME}`" in page
    assert "There is no DNS server to set." in guide(build.plan(NONE))
