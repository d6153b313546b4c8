"""Inputs of owners that the catalog once accepted without effect, on the shipped home stack."""

from __future__ import annotations

from typing import Any

from homelab.checks import run_checks
from tests.golden.test_home import planned, tree


def _said(changes: dict[str, Any], check: str) -> list[str]:
    return [str(p) for p in run_checks(planned(changes)) if p.check == check]


def test_immich_on_an_old_host_keeps_its_vector_extension_with_a_warning() -> None:
    """A pgvecto.rs database on a host installed before 25.11 is a warning, until the owner chooses
    an extension.
    """
    old: dict[str, Any] = {"hosts": {"aurora": {"state_version": "24.11"}}}
    (warning,) = _said(old, "state-version")
    assert "aurora was installed with NixOS 24.11" in warning
    assert "VectorChord" in warning
    assert "services.immich.database.enableVectors: false" in warning
    for value in (True, False):
        options = {"services.immich.database.enableVectors": value}
        known = {**old, "services": {"immich": {"options": options}}}
        assert not _said(known, "state-version")
    assert not _said({}, "state-version")


def test_automations_created_in_home_assistant_are_loaded() -> None:
    """Automations, scenes and scripts are in separate files, which Home Assistant must include."""
    ha = {"host": "aurora", "name": "ha", "publish": "tunnel", "tile": {"group": "Tools"}}
    text = tree({"services": {"home-assistant": ha}})["aurora"]["services/home-assistant.nix"]
    for word, name in (("automation", "automations"), ("scene", "scenes"), ("script", "scripts")):
        assert f'"{word} ui" = "!include {name}.yaml";' in text
        assert f"f /var/lib/hass/{name}.yaml 0600 hass hass -" in text


def test_uploads_above_cloudflares_limit_are_reported() -> None:
    """Immich's videos exceed Cloudflare's limit of 100 MB, and its phone apps cannot pass Access."""
    tunnel: dict[str, Any] = {"services": {"immich": {"publish": "tunnel"}}}
    (upload,) = _said(tunnel, "tunnel-upload")
    assert "uploads of up to 50GB, but Cloudflare refuses more than 100 MB" in upload
    (apps,) = _said(tunnel, "access-apps")
    assert "phone apps cannot pass Cloudflare Access" in apps
    public = {
        "services": {"immich": {"publish": "tunnel", "public": "its apps sign in themselves"}}
    }
    assert not _said(public, "access-apps")
    route = {"name": "photos", "audience": "family", "publish": "tunnel", "upload": "100MB"}
    said = {"name": None, "audience": None, "publish": None, "routes": [route]}
    assert not _said({"services": {"immich": said}}, "tunnel-upload")
    assert not _said({}, "tunnel-upload")


def test_one_prometheus_reaches_the_exporters_of_other_hosts() -> None:
    """An exporter on another host is open to Prometheus only, and Prometheus scrapes it."""
    changes: dict[str, Any] = {
        "services": {
            "prometheus": {"host": "pi", "never_publish": "Grafana asks it"},
            "node-exporter": {"host": "aurora", "uses": []},
            "node-pi": {"service": "node-exporter", "host": "pi"},
        }
    }
    plan = planned(changes)
    told = tree(changes)["pi"]["measurements.nix"]
    assert f'targets = [ "{plan.hosts["aurora"].tailnet}:9100" ];' in told
    assert 'targets = [ "127.0.0.1:9100" ];' in told
    assert [p.scope for p in plan.firewall.on("aurora") if p.port == 9100] == ["tailnet"]
    assert plan.tailnet is not None
    ways = [(g.src, g.dst) for g in plan.tailnet.grants if "tcp:9100" in g.ip]
    assert ways == [(("pi",), ("aurora",))]
    assert not _said(changes, "exporter-scraped")
