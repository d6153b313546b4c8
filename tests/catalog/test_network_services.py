"""Entries for messages, measurements, networks, devices and games: what is left to the owner."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from tests import build
from tests.build import service_file
from tests.household import Changes


def test_a_visitor_of_ntfy_reads_and_writes_no_topic() -> None:
    """Its default opens every topic to everybody."""
    text = service_file("ntfy")
    assert 'auth-default-access = "deny-all";' in text
    assert "enable-signup = false;" in text
    assert "behind-proxy = true;" in text


def test_headscale_gives_its_devices_a_domain_that_does_not_contain_its_own_name() -> None:
    """It refuses to start with another one, or without nameservers that override those of a LAN."""
    text = service_file("headscale")
    assert 'server_url = "https://headscale.home.example.org";' in text
    assert 'base_domain = "tailnet.home.example.org";' in text
    assert "override_local_dns = false;" in text


@pytest.mark.requirement("S1-11")
def test_grafana_draws_two_databases_of_one_host_under_their_own_names() -> None:
    """Grafana refuses two data sources with one name."""
    names = ("prometheus", "victoriametrics", "grafana")
    changes: Changes = {"services": {name: {"host": "nas"} for name in names}}
    text = build.render(changes)["nas"]["measurements.nix"]
    assert text.count("name = ") == 2
    assert 'name = "Prometheus";' in text
    assert 'name = "VictoriaMetrics";' in text
    assert 'url = "http://127.0.0.1:8428";' in text


def test_lldap_reads_its_first_password_from_a_credential_and_listens_to_its_host() -> None:
    """Its user exists only while it runs, so it cannot own the file."""
    text = service_file(
        "lldap", options={"services.lldap.settings.ldap_base_dn": "dc=example,dc=org"}
    )
    assert '"admin:/run/homelab/secrets/lldap-admin"' in text
    assert 'ldap_user_pass_file = "/run/credentials/lldap.service/admin";' in text
    assert 'ldap_host = "127.0.0.1";' in text
    assert build.found({"services": {"lldap": {"host": "pi"}}}, "option-demanded")


def test_an_agent_of_beszel_passes_the_auth_proxy_and_nothing_else_does() -> None:
    sign_in = ENTRIES["beszel"].sign_in
    assert sign_in.exempt == ("/api/beszel/agent-connect",)


def test_gotify_lets_nobody_make_an_account() -> None:
    text = service_file("gotify")
    assert 'GOTIFY_REGISTRATION = "false";' in text
    assert 'environmentFiles = [ "/run/homelab/secrets/gotify-admin" ];' in text


@pytest.mark.parametrize(
    ("check", "named"),
    [
        ("service-needs", "Zigbee radio"),
        ("option-demanded", "settings.advanced.network_key"),
        ("option-demanded", "settings.mqtt.server"),
    ],
)
def test_zigbee2mqtt_asks_for_its_radio_and_for_a_key_that_is_not_public(
    check: str, named: str
) -> None:
    """Without a key of its own, the network has the one of the documentation."""
    problems = build.found({"services": {"zigbee2mqtt": {"host": "pi"}}}, check)
    assert [p for p in problems if named in p.what]


def test_the_sandbox_of_zigbee2mqtt_leaves_its_radio_to_the_module() -> None:
    """The module allows the device of serial.port, which the baseline would hide."""
    plan = build.plan({"services": {"zigbee2mqtt": {"host": "pi"}}})
    (unit,) = [u for u in plan.hardening if u.service == "zigbee2mqtt"]
    assert not {"PrivateDevices", "ProtectClock"} & set(dict(unit.settings))


def test_node_red_listens_where_the_proxy_calls_it() -> None:
    """Its editor runs code, and its default is every address."""
    assert 'define.uiHost = "127.0.0.1";' in service_file("node-red")
    assert "none" not in ENTRIES["node-red"].sign_in.kinds


def test_minecraft_opens_its_port_to_the_lan_and_has_no_page() -> None:
    plan = build.plan({"services": {"minecraft": {"host": "nas"}}})
    (port,) = [p for p in plan.firewall.ports if p.owner == "minecraft"]
    assert (port.port, port.scope) == (25565, "lan")
    assert plan.routes_of("minecraft") == ()
    assert build.found({"services": {"minecraft": {"host": "nas"}}}, "option-demanded")
