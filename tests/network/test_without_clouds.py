"""A homelab without Cloudflare, Tailscale or both is complete, or is refused."""

from __future__ import annotations

import copy
from itertools import cycle, product

import pytest

from homelab.checks import run_checks
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.planner import make_plan
from homelab.proxy.registry import PROXIES
from homelab.reach.plan import plan_reach
from homelab.reach.text import as_text
from homelab.render import render
from homelab.show import as_data
from homelab.testing import merged
from tests import build
from tests.household import Changes, household

INTERNAL: Changes = {"provider": "internal", "root": "ca/root.crt", "key": {"sops": "ca/key"}}
RESOLVERS = ("blocky", "adguard", "none")
PROVIDERS = ("authelia", "pocket-id", "")
IMAGE = "docker.io/x/draw:1@sha256:" + "0" * 64
HOSTS = ("pi", "aurora", "workstation")


def called(*, gated: bool) -> Changes:
    """Services on other hosts than the proxy's, one of them in a container."""
    draw: Changes = {"container": {"image": IMAGE, "port": 80}, "port": 8088, "host": "aurora"}
    draw["backup"] = {"skip": "drawings stay in the browser"}
    return {
        "draw": {**draw, **({"audience": "family"} if gated else {"auth": "none"})},
        "miniflux": {"host": "workstation", "name": "news"},
        "gatus": {"host": "pi", "name": "status", "uses": ["miniflux"]},
    }


def stack(*, cloudflare: bool, tailnet: bool, proxy: str, resolver: str, provider: str) -> Changes:
    """A household that sets only what it has."""
    entry: Changes = {"host": "pi", "proxy": proxy}
    if not cloudflare:
        entry["acme"] = INTERNAL
    changes: Changes = {
        "network": {
            "entry": entry,
            "dns": {"server": resolver, "host": "pi"},
        },
        "services": {
            **called(gated=bool(provider)),
            **({"tailscale": {"backup": {"skip": "it joins anew"}}} if tailnet else {}),
        },
    }
    if tailnet:
        changes = {
            **changes,
            **build.TAILNET,
            "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
        }
    changes["identity"] = None
    if provider:
        said = {"authelia": {"users": {"sops": "users"}}, "pocket-id": {"api_key": {"sops": "key"}}}
        changes["identity"] = {"provider": provider, "host": "pi", **said[provider]}
    made = household({**changes, "identity": None}, {"identity": changes["identity"]})
    # Set explicitly, because the stack below would otherwise supply its own.
    more: Changes = {"hosts": {"nas": None}}
    if resolver == "none":
        more["network"] = {"dns": {"server": "none", "host": None}}
    if not cloudflare:
        more["cloudflare"] = None
    if not tailnet:
        more["hosts"] = {"nas": None, **{h: {"address": {"tailnet": None}} for h in HOSTS}}
    return merged(made, more)


def errors(changes: Changes) -> list[str]:
    return [str(p) for p in build.problems(changes) if p.severity == "error"]


CLOUDS = ((True, False), (False, True), (False, False))
QUICK = {(proxy, *clouds) for proxy, clouds in zip(PROXIES, cycle(CLOUDS), strict=False)}
"""One case for each proxy."""


@pytest.mark.parametrize(
    ("proxy", "tailnet", "cloudflare"),
    [
        case if case in QUICK else pytest.param(*case, marks=pytest.mark.long)
        for case in product(PROXIES, (True, False), (True, False))
    ],
)
def test_a_stack_without_clouds_is_complete(proxy: str, *, tailnet: bool, cloudflare: bool) -> None:
    """A stack without both clouds is complete with any other choice, and mentions neither."""
    for resolver, provider in product(RESOLVERS, PROVIDERS):
        changes = stack(
            cloudflare=cloudflare,
            tailnet=tailnet,
            proxy=proxy,
            resolver=resolver,
            provider=provider,
        )
        assert errors(changes) == [], (resolver, provider)
        plan = build.plan(changes)
        hosts = build.render(changes)
        text = "\n".join(t for files in hosts.values() for t in files.values())
        assert ("tailscale0" in text) == tailnet
        assert ("100.64." in text) == tailnet
        assert ("CF_DNS_API_TOKEN_FILE" in text) == cloudflare
        assert ("vouch home.example.org" in text) != cloudflare
        shown = as_text(reach := plan_reach(plan), reach.answers)
        assert ("tailnet" in shown) == tailnet
        assert as_data(plan)["routes"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_with_neither_an_issuer_nor_a_tunnel_it_is_refused(proxy: str) -> None:
    changes = stack(
        cloudflare=False, tailnet=False, proxy=proxy, resolver="blocky", provider="authelia"
    )
    bare = merged(changes, {"network": {"entry": {"acme": None}}})
    assert [p.check for p in build.problems(bare) if p.severity == "error"] == [
        "certificate-issuer"
    ]
    published = merged(changes, {"services": {"draw": {"publish": "tunnel"}}})
    found = [p for p in build.problems(published) if p.severity == "error"]
    assert "cloudflare-missing" in {p.check for p in found}
    assert all(p.way_out for p in found)


def lan_only(**services: object) -> Changes:
    made = stack(cloudflare=False, tailnet=False, proxy="caddy", resolver="blocky", provider="")
    return merged(made, {"services": services})


# --- the firewall between hosts ------------------------------------------------------------------


@pytest.mark.requirement("S0-12", "S0-56")
def test_on_the_lan_only_the_caller_is_admitted() -> None:
    """As narrow as the tailnet's policy would be."""
    text = build.render(lan_only())["workstation"]["firewall.nix"]
    assert "ip saddr 192.168.1.2 tcp dport { 8080 } accept" in text
    assert "8080/tcp (192.168.1.2) miniflux: called by pi" in text
    (lan,) = [line for line in text.splitlines() if "192.168.1.0/24" in line]
    assert "dport { 22 }" in lan


def test_the_rule_names_the_interface_where_the_stack_does() -> None:
    changes = merged(lan_only(), {"hosts": {"workstation": {"interface": "enp5s0"}}})
    text = build.render(changes)["workstation"]["firewall.nix"]
    assert 'iifname "enp5s0" ip saddr 192.168.1.2 tcp dport { 8080 } accept' in text


def test_a_container_is_published_at_the_lan_address_and_for_the_caller_alone() -> None:
    """Ports that Podman publishes bypass the firewall, so they have their own rule."""
    text = build.render(lan_only())["aurora"]["services/draw.nix"]
    assert 'ports = [ "192.168.1.10:8088:80" ];' in text
    assert (
        'ip daddr 192.168.1.10 tcp dport 8088 iifname != "lo" ip saddr != { 192.168.1.2 } drop'
    ) in text
    assert 'after = [ "network-online.target" ];' in text


def test_the_proxy_dials_the_lan_address() -> None:
    text = build.render(lan_only())["pi"]["proxy.nix"]
    assert "http://192.168.1.10:8088" in text
    assert "http://192.168.1.20:8080" in text


@pytest.mark.requirement("S0-12")
def test_reach_shows_the_paths_on_the_lan() -> None:
    """A device at home reaches the proxy, and only the proxy reaches the app."""
    reach = plan_reach(build.plan(lan_only()))
    (port,) = {a.target.name for a in reach.answers if a.target.service == "miniflux"} - {"news"}
    told = {a.origin.name: a.path for a in reach.to(port)}
    assert told == {"lan": "nobody", "pi": "lan", "internet": "nobody"}
    assert {a.origin.name: a.path for a in reach.to("news")}["lan"] == "lan"


def test_a_host_outside_the_tailnet_is_called_over_the_lan_and_others_are_not() -> None:
    """For each pair of hosts: the tailnet if both are in it, otherwise the LAN."""
    changes = stack(cloudflare=True, tailnet=True, proxy="caddy", resolver="blocky", provider="")
    mixed = merged(
        changes, {"hosts": {"aurora": {"address": {"tailnet": None}, "tailscale": None}}}
    )
    config = copy.deepcopy(build.config(mixed))
    hosts = config["hosts"]
    assert isinstance(hosts, dict)
    # This null is a value of the stack config, not a removed key.
    hosts["aurora"]["tailscale"] = None
    plan = make_plan(load_stack_config(Document(config)), Lock())  # type: ignore[arg-type]
    assert [str(p) for p in run_checks(plan) if p.severity == "error"] == []
    upstreams = {r.name: r.upstream for r in plan.routes}
    assert upstreams["draw"] == "http://192.168.1.10:8088"
    assert upstreams["news"] == "http://100.64.0.20:8080"
    assert plan.tailnet is not None
    assert not [g for g in plan.tailnet.grants if g.dst == ("aurora",)]
    files = render(plan, build.sources(plan))
    text = dict(files["aurora"].files)["services/draw.nix"]
    assert isinstance(text, str)
    assert "ip saddr != { 192.168.1.2 } drop" in text


@pytest.mark.parametrize(
    ("host", "check"), [("workstation", "backend-reachable"), ("pi", "entry-address")]
)
def test_a_call_without_an_address_names_the_host(host: str, check: str) -> None:
    """The entry host is reported once, not for each call."""
    changes = lan_only()
    both = ("backend-reachable", "entry-address")
    broken = merged(changes, {"hosts": {host: {"address": {"lan": None}}}})
    found = [p for p in build.problems(broken) if p.check in both]
    assert {p.check for p in found} == {check}
    assert all(f"hosts.{host}.address" in f"{p.where} {p.way_out}" for p in found)
    assert not [p for p in build.problems(changes) if p.check in both]


def test_a_host_that_has_not_joined_is_not_called_over_the_lan() -> None:
    changes = stack(cloudflare=True, tailnet=True, proxy="caddy", resolver="blocky", provider="")
    waiting = merged(changes, {"hosts": {"workstation": {"address": {"tailnet": None}}}})
    found = build.found(waiting, "backend-reachable")
    assert found
    assert all("once the host has joined" in p.way_out for p in found)
    assert all("tailscale: null" in p.way_out for p in found)


def test_backups_go_over_the_lan_too() -> None:
    changes = lan_only(vaultwarden={"host": "workstation", "name": "vault", "auth": "native"})
    jobs = [j for j in build.plan(changes).backup.jobs if j.server == "aurora"]
    assert jobs
    assert all("@192.168.1.10:" in j.repository for j in jobs)


# --- what would be for a tailnet that is not there -----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "where", "severity"),
    [
        (
            {"hosts": {"pi": {"tailscale": {"exit_node": True}}}},
            "hosts.pi.tailscale",
            "error",
        ),
        (
            {"hosts": {"pi": {"address": {"tailnet": "100.64.0.2"}}}},
            "hosts.pi.address.tailnet",
            "warning",
        ),
        (
            {"services": {"gatus": {"name": None, "routes": [{"sources": "tailnet"}]}}},
            "services.gatus.routes[0].sources",
            "error",
        ),
        (
            {"services": {"gatus": {"name": None, "routes": [{"tailnet_direct": True}]}}},
            "services.gatus.routes[0].tailnet_direct",
            "error",
        ),
    ],
)
def test_a_field_that_needs_a_tailnet_is_refused_without_one(
    changes: Changes, where: str, severity: str
) -> None:
    (problem,) = build.found(merged(lan_only(), changes), "tailnet-elsewhere")
    assert (problem.where, problem.severity) == (where, severity)
    assert problem.way_out
    assert build.found(lan_only(), "tailnet-elsewhere") == []


def test_a_port_for_the_tailnet_on_a_host_that_is_not_in_it_is_refused() -> None:
    ports: Changes = {"extra": {"port": 9000, "scope": "tailnet", "why": "for phones"}}
    (problem,) = build.found(lan_only(draw={"ports": ports}), "scope-tailnet")
    assert "scope: lan" in problem.way_out
    ports = {"extra": {"port": 9000, "scope": "lan", "why": "for phones"}}
    assert build.found(lan_only(draw={"ports": ports}), "scope-tailnet") == []


def test_a_port_for_the_lan_is_published_at_the_lan_address_only() -> None:
    """A container does not start with an address that its host lacks."""
    ports: Changes = {"extra": {"port": 9000, "scope": "lan", "why": "for phones"}}
    changes = merged(
        lan_only(draw={"ports": ports}),
        {"hosts": {"aurora": {"address": {"tailnet": "100.64.0.10"}}}},
    )
    text = build.render(changes)["aurora"]["services/draw.nix"]
    assert "192.168.1.10:9000:9000" in text
    assert "100.64.0.10" not in text
