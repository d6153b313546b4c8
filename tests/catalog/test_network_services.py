"""Entries for messages, measurements and networks: what their modules leave to the owner."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes


def _file(name: str, **service: object) -> str:
    changes: Changes = {"services": {name: {"host": "pi", **service}}}
    return build.render(changes)["pi"][f"services/{name}.nix"]


def test_a_visitor_of_ntfy_reads_and_writes_no_topic() -> None:
    """Its default opens every topic to everybody."""
    text = _file("ntfy")
    assert 'auth-default-access = "deny-all";' in text
    assert "enable-signup = false;" in text
    assert "behind-proxy = true;" in text


def test_headscale_gives_its_devices_a_domain_that_does_not_contain_its_own_name() -> None:
    """It refuses to start with another one, or without nameservers that override those of a LAN."""
    text = _file("headscale")
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
