"""The scope of a port: the LAN interface, devices of the tailnet, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.network.clients import guide
from homelab.network.table import route_table
from homelab.problems import InvalidStackError
from homelab.render import modules_of
from tests import build
from tests.tools.options import check_module
from tests.tools.programs import formatted

TAILNET = {
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "a"},
        "client_secret": {"sops": "b"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
    }
}
MDNS = {"hosts": {"nas": {"mdns": True, "interface": "enp3s0"}}}
BOX = {
    "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
    "port": 8123,
    "backup": {"skip": "nothing is kept"},
}


def direct(**route: Any) -> dict[str, Any]:
    """A service on the NAS that devices of the tailnet may reach directly."""
    routes = [{"audience": "family", "auth": "native", "tailnet_direct": True, **route}]
    return {**TAILNET, "services": {"box": {"host": "nas", **BOX, "routes": routes}}}


@pytest.mark.requirement("S3-05")
def test_mdns_is_open_on_the_lan_interface_alone(tmp_path: Any) -> None:
    """Not by source network, and not on the tailnet."""
    made = build.plan({**TAILNET, **MDNS})
    modules = {m.file: m for m in modules_of(made, made.hosts["nas"])}
    interfaces = modules["firewall.nix"].derived["networking"]["firewall"]["interfaces"]
    assert interfaces["enp3s0"] == {"allowedUDPPorts": [5353]}
    assert 5353 not in interfaces["tailscale0"]["allowedUDPPorts"]
    assert "5353" not in str(
        modules["firewall.nix"].derived["networking"]["firewall"].get("extraInputRules")
    )
    for file in ("mdns.nix", "firewall.nix"):
        assert check_module(modules[file]) == []
    assert formatted(tmp_path, [build.render({**TAILNET, **MDNS})["nas"]["mdns.nix"]]) == []
    assert not any(m.file == "mdns.nix" for m in modules_of(made, made.hosts["pi"]))


@pytest.mark.requirement("S3-05")
def test_mdns_needs_an_interface() -> None:
    """mdns-scope."""
    (problem,) = build.found({"hosts": {"nas": {"mdns": True}}}, "mdns-scope")
    assert problem.where == "hosts.nas.interface"
    assert build.found(MDNS, "mdns-scope") == []


@pytest.mark.requirement("S3-05")
def test_multicast_dns_on_more_than_the_lan_interface_is_refused() -> None:
    """mdns-scope."""
    ports = {"mdns": {"port": 5353, "protocol": "udp", "scope": "lan", "why": "casting"}}
    (problem,) = build.found(
        {"services": {"box": {"host": "nas", **BOX, "ports": ports}}}, "mdns-scope"
    )
    assert "hosts.nas.mdns: true" in problem.way_out


@pytest.mark.requirement("S2-09")
def test_a_direct_route_opens_its_port_on_the_tailnet_and_grants_it() -> None:
    """The guide shows the address; the LAN has no access."""
    made = build.plan(direct())
    (use,) = [p for p in made.firewall.on("nas") if p.port == 8123]
    assert use.scope == "tailnet"
    assert made.tailnet is not None
    grant = next(g for g in made.tailnet.grants if g.src == ("group:family",) and "nas" in g.dst)
    assert grant.ip == ("tcp:8123",)
    (row,) = route_table(made)
    assert (row.tailnet, row.local, row.alias) == ("100.64.0.3:8123", "", "")
    assert "| box |  |  | http://100.64.0.3:8123 |" in guide(made)


@pytest.mark.requirement("S2-09", "S0-13")
def test_a_direct_route_of_the_operator_is_granted_to_the_operator_alone() -> None:
    made = build.plan(direct(audience="operator"))
    assert made.tailnet is not None
    assert not any(g.src == ("group:family",) and "nas" in g.dst for g in made.tailnet.grants)


@pytest.mark.requirement("S2-09")
def test_beside_the_proxy_a_direct_container_listens_on_both_addresses() -> None:
    """Loopback for the proxy, the tailnet for devices."""
    changes = direct()
    changes["services"]["box"]["host"] = "pi"
    text = build.render(changes)
    assert '"127.0.0.1:8123:80"' in text["pi"]["services/box.nix"]
    assert '"100.64.0.2:8123:80"' in text["pi"]["services/box.nix"]


@pytest.mark.parametrize("route", [{}, {"lan_direct": True}])
@pytest.mark.requirement("S2-09")
def test_a_container_waits_for_the_addresses_that_it_is_published_on(
    route: dict[str, bool],
) -> None:
    """At boot the tailnet address comes late, and Podman would fail."""
    text = build.render(direct(**route))["nas"]["services/box.nix"]
    assert 'after = [ "tailscaled.service" ];' in text
    assert "startLimitIntervalSec = 0;" in text


@pytest.mark.requirement("S0-21")
def test_the_guide_tells_devices_what_to_set() -> None:
    """The server, the networks, and how to test it."""
    changes = {
        **direct(),
        "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}, **MDNS["hosts"]},
    }
    text = guide(build.plan(changes))
    for word in (
        "On the LAN, 192.168.1.0/24",
        "`192.168.1.2` (pi)",
        "`192.168.1.1`",
        "`nslookup box.home.example.org`: the answer is `192.168.1.2`",
        "On the tailnet, tail1.ts.net",
        "Tailscale sets the DNS server, `100.64.0.2`",
        "`192.168.1.0/24`, reached by a subnet router",
        "`nas.local`",
    ):
        assert word in text


@pytest.mark.parametrize("secret", ["sops", "token", "client"])
def test_the_guide_contains_only_what_members_need(secret: str) -> None:
    """It contains addresses and names, and nothing about the homelab's operation."""
    assert secret not in guide(build.plan(direct()))


@pytest.mark.requirement("S3-02", "S3-05")
def test_a_route_may_be_direct_at_home_and_then_has_an_alias() -> None:
    """Local, alias and public name of each."""
    changes = {**direct(lan_direct=True, tailnet_direct=False), **MDNS}
    made = build.plan(changes)
    (use,) = [p for p in made.firewall.on("nas") if p.port == 8123]
    assert use.scope == "lan"
    (row,) = route_table(made)
    assert (row.local, row.alias) == ("192.168.1.3:8123", "nas.local:8123")
    text = build.render(changes)["nas"]["services/box.nix"]
    assert '"192.168.1.3:8123:80"' in text
    assert '"100.64.0.3:8123:80"' in text


@pytest.mark.requirement("T8")
def test_without_a_resolver_there_are_no_names_at_home() -> None:
    """No resolver, no DNS push, no open port 53."""
    changes = {**direct(lan_direct=True), "network": {"dns": {"server": "none", "host": None}}}
    made = build.plan(changes)
    assert made.dns.names == ()
    assert made.tailnet is not None
    assert made.tailnet.nameservers == ()
    assert not any(p.port == 53 for p in made.ports)
    assert not any("53" in ip for g in made.tailnet.grants for ip in g.ip)
    assert "There is no DNS server to set." in guide(made)
    assert all("dns.nix" not in files for files in build.render(changes).values())


@pytest.mark.parametrize("dns", [{"host": None}, {"server": "none"}])
@pytest.mark.requirement("T8")
def test_a_resolver_and_its_host_are_named_together(dns: dict[str, Any]) -> None:
    with pytest.raises(InvalidStackError, match="a resolver needs a host"):
        build.plan({"network": {"dns": dns}})
