"""A host with an address on the internet: the deployer reaches it, SSH is open, and nothing else."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from components.host import connection
from homelab.deploy.spec import paths_of
from homelab.graph.views import VIEWS
from homelab.pages.plan import pages
from homelab.problems import InvalidStackError
from homelab.reach.origins import INTERNET, LAN
from homelab.reach.plan import plan_reach
from homelab.show import as_tables
from tests import build
from tests.household import Changes
from tests.site.ways_out.stacks import TAILNET, both, host, machine

PUBLIC = "203.0.113.40"
TOWER: Changes = {
    "hosts": {
        "tower": {
            **machine("", ssh={"host_key": build.host_key("tower"), "port": 2222}),
            "address": {"public": PUBLIC},
        }
    }
}
ON_TAILNET = both(TAILNET, TOWER)


def firewall(changes: Changes, name: str = "tower") -> str:
    return build.render(changes)[name]["firewall.nix"]


@pytest.mark.requirement("S0-01", "S0-15")
def test_its_firewall_opens_ssh_to_the_internet_and_has_no_rule_for_the_lan() -> None:
    text = firewall(TOWER)
    assert "allowedTCPPorts = [ 2222 ];" in text
    assert "2222/tcp (internet) ssh: repairs and every deployment" in text
    assert "192.168.1.0/24" not in text
    assert "saddr" not in text


def test_on_the_tailnet_its_services_are_open_there_alone() -> None:
    text = firewall(both(ON_TAILNET, {"services": {"miniflux": {"host": "tower"}}}))
    every, _, tailnet = text.partition("tailscale0")
    assert "allowedTCPPorts = [ 2222 ];" in every
    assert "(tailnet) miniflux" in every
    assert "(LAN" not in text
    assert "saddr" not in text
    assert "allowedTCPPorts = [ 8080 ];" in tailnet


def test_with_a_lan_address_too_the_lan_keeps_its_rules() -> None:
    changes = both(
        TOWER,
        host("tower", address={"lan": "192.168.1.7", "public": PUBLIC}),
        host("tower", mdns=True, interface="eth0"),
    )
    text = firewall(changes)
    assert "allowedTCPPorts = [ 2222 ];" in text
    assert "allowedUDPPorts = [ 5353 ];" in text


def test_without_the_public_address_ssh_is_closed_again() -> None:
    changes = both(ON_TAILNET, host("tower", address={"public": None, "tailnet": "100.64.0.7"}))
    assert "internet" not in firewall(changes)
    assert "networking.firewall.allowedTCPPorts" not in firewall(changes)


def test_the_deployer_tries_the_lan_then_the_tailnet_then_the_internet() -> None:
    stated = {"lan": "192.168.1.7", "tailnet": "100.64.0.7", "public": PUBLIC}
    tower = build.plan(both(TOWER, host("tower", address=stated))).hosts["tower"]
    assert [(p["name"], p["address"], p["port"]) for p in paths_of(tower)] == [
        ("lan", "192.168.1.7", 2222),
        ("tailnet", "100.64.0.7", 2222),
        ("public", PUBLIC, 2222),
    ]


@pytest.mark.parametrize("public", [PUBLIC, "vps.example.net", "2001:db8::40"])
def test_pulumi_ssh_and_hosts_behind_it_use_it_where_it_has_no_other(public: str) -> None:
    changes = both(
        TOWER,
        host("tower", address={"public": public}),
        host("nas", ssh={"jump": "tower"}),
    )
    plan = build.plan(changes)
    assert connection(plan.hosts["tower"]).host == public
    assert asdict(plan.hosts["nas"].jump)["address"] == public  # type: ignore[call-overload]


def test_ssh_of_a_machine_with_a_home_knows_it() -> None:
    home = {"home": "home/sam.nix", "ssh_config": True}
    text = build.render(both(TOWER, host("nas", **home)))["nas"]["home.nix"]
    assert f"HostName {PUBLIC}" in text


def test_the_internet_reaches_ssh_there_and_nothing_else() -> None:
    plan = build.plan(both(ON_TAILNET, {"services": {"miniflux": {"host": "tower"}}}))
    answers = plan_reach(plan, origins=(INTERNET, LAN)).answers
    reached = {
        (a.origin.name, a.target.name, a.path)
        for a in answers
        if a.reachable and a.target.host == "tower" and a.target.kind == "port"
    }
    assert reached == {
        ("internet", "tower:2222/tcp", "direct"),
        ("lan", "tower:2222/tcp", "direct"),
    }
    (barrier,) = {b for a in answers if a.target.name == "tower:2222/tcp" for b in a.barriers}
    assert barrier.what == "SSH key"


def test_a_retired_host_is_still_open_to_ssh() -> None:
    """Its firewall says so, and so does what is told of its reach."""
    plan = build.plan(both(TOWER, host("tower", state="retired")))
    answers = plan_reach(plan, origins=(INTERNET,)).answers
    assert [a.path for a in answers if a.target.name == "tower:2222/tcp"] == ["direct"]


def test_no_other_port_of_any_plan_is_open_to_the_internet() -> None:
    plan = build.plan(ON_TAILNET)
    assert {p.owner for p in plan.ports if p.internet} == {"ssh"}
    assert not any(p.internet for p in plan.ports if p.host != "tower")


@pytest.mark.parametrize(
    "public",
    [
        "203.0.113.999",
        "tower",
        "fe80::1%eth0",
        "a b",
        "x.example.net; reboot",
        "-oProxyCommand=x.y",
        "$(id).example.net",
        "",
    ],
)
def test_other_words_are_no_address(public: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan(both(TOWER, host("tower", address={"public": public})))
    (said,) = refused.value.problems
    assert said.where == "hosts.tower.address.public"
    assert "neither an IP address nor a DNS name" in said.what


def test_a_call_to_it_needs_the_tailnet() -> None:
    """No way out names the LAN, which it is not in."""
    called = {"services": {"miniflux": {"host": "tower"}}}
    (apart,) = build.found(both(TOWER, called), "backend-reachable")
    assert apart.way_out.startswith("tower is outside of the LAN: add homelab:tailnet: ")
    (joining,) = build.found(both(ON_TAILNET, called), "backend-reachable")
    assert joining.way_out.startswith("add hosts.tower.address.tailnet once the host has joined")
    assert "LAN" not in joining.way_out


def test_a_port_for_the_lan_is_refused_where_there_is_no_lan() -> None:
    (said,) = build.found(both(TOWER, host("tower", mdns=True, interface="eth0")), "public-only")
    assert said.where == "hosts.tower.mdns"


def test_it_is_shown_in_tables_pages_and_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    """Stacks without such a host have no column for it."""
    plan, without = build.plan(ON_TAILNET), build.plan(TAILNET)
    as_tables(plan)
    assert PUBLIC in capsys.readouterr().out
    assert f"| {PUBLIC} |" in (page := "\n".join(pages(plan).values()))
    assert "| Public |" in page
    assert "| Public |" not in "\n".join(pages(without).values())
    (edge,) = [e for e in VIEWS["machines"](plan).edges if e.label == "SSH"]
    assert "tower" in edge.end
    assert not [e for e in VIEWS["machines"](without).edges if e.label == "SSH"]


def test_fail2ban_there_bans_strangers_with_addresses_of_the_lan() -> None:
    text = build.render(both(TOWER, host("tower", fail2ban={}), host("nas", fail2ban={})))
    assert '"192.168.1.0/24"' in text["nas"]["fail2ban.nix"]
    assert "192.168.1.0/24" not in text["tower"]["fail2ban.nix"]


@pytest.mark.parametrize("lan", ["127.0.0.5", "100.64.0.9", "224.0.0.9"])
def test_no_way_out_names_a_public_address_that_is_none(lan: str) -> None:
    found = build.found(host("nas", address={"lan": lan}), "ip-in-lan")
    assert [p.way_out for p in found] == ["correct it, or network.lan.cidr"]
