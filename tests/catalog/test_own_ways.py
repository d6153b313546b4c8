"""Entries whose modules have ways of their own: an Nginx within, settings that moved, exporters."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

NEXTCLOUD: Changes = {"services": {"nextcloud": {"host": "pi"}}}
TARGETS: Changes = {
    "targets": {"b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}}
}


def _file(changes: Changes, host: str, name: str) -> str:
    return build.render(changes)[host][f"services/{name}.nix"]


@pytest.mark.parametrize("proxy", ["caddy", "nginx", "traefik"])
def test_nextclouds_own_nginx_stays_clear_of_the_proxy(proxy: str) -> None:
    """S1-22: it listens on loopback by a port of its own, under a name that nobody types."""
    changes: Changes = {**NEXTCLOUD, "network": {"entry": {"proxy": proxy}}}
    files = build.render(changes)["pi"]
    own = files["services/nextcloud.nix"]
    assert 'hostName = "nextcloud";' in own
    listen = own.split("services.nginx.virtualHosts.nextcloud.listen")[1]
    assert 'addr = "127.0.0.1";' in listen
    assert "port = 8084;" in listen
    assert "virtualHosts.nextcloud" not in files["proxy.nix"]
    assert "127.0.0.1:8084" in files["proxy.nix"]
    assert not build.found(changes, "port-unique")


def test_nextcloud_answers_to_the_name_that_people_type_and_believes_the_proxy() -> None:
    """S1-22: beside the name of its own virtual host, which its module says without a default."""
    text = _file(NEXTCLOUD, "pi", "nextcloud")
    assert 'trusted_domains = lib.mkAfter [ "nextcloud.home.example.org" ];' in text
    assert 'trusted_proxies = [ "127.0.0.1" ];' in text
    assert 'overwriteprotocol = "https";' in text


def test_nextclouds_files_may_lie_in_a_dataset_and_its_apps_stay() -> None:
    """S1-22 S1-37: both can be written, and the dataset's own backup keeps the files."""
    plan = build.plan(
        {
            "services": {"nextcloud": {"host": "pi", "datasets": {"files": "files"}}},
            "datasets": {"files": {"host": "pi", "path": "/mnt/files", "tier": "user"}},
            "backup": TARGETS,
        }
    )
    (unit,) = [u for u in plan.hardening if u.service == "nextcloud"]
    settings = dict(unit.settings)
    assert settings["BindPaths"] == ["/mnt/files"]
    assert settings["ReadWritePaths"] == ["/var/lib/nextcloud"]
    jobs = {j.name: j for j in plan.backup.jobs}
    assert jobs["nextcloud"].paths == ("/var/backup/postgresql/nextcloud.sql.gz",)
    assert jobs["dataset-files"].paths == ("/mnt/files",)


def test_exporters_answer_to_their_own_host_alone_and_are_asked_by_whoever_measures_there() -> None:
    """S0-47 S1-11: no name, no open port; each brings its own line for Prometheus."""
    names = ("node-exporter", "systemd-exporter")
    changes: Changes = {"services": {n: {"host": "nas"} for n in names}}
    plan = build.plan(changes)
    assert not [r for r in plan.routes if r.service in names]
    assert {9100, 9558}.isdisjoint(p.port for p in plan.firewall.on("nas"))
    for name, port in (("node", 9100), ("systemd", 9558)):
        text = _file(changes, "nas", f"{name}-exporter")
        assert 'listenAddress = "127.0.0.1";' in text
        assert "scrapeConfigs = lib.mkAfter [" in text
        assert f'targets = [ "127.0.0.1:{port}" ];' in text


def test_the_node_exporter_sees_every_file_system() -> None:
    """S0-47 S0-55: how full a disk is cannot be asked of an empty directory in its place."""
    plan = build.plan({"services": {"node-exporter": {"host": "nas"}}})
    (unit,) = [u for u in plan.hardening if u.service == "node-exporter"]
    assert "TemporaryFileSystem" not in dict(unit.settings)
    assert "temporary-file-system" in dict(unit.exceptions)


def test_grafana_finds_a_prometheus_on_its_own_host() -> None:
    """S1-11 S0-49."""
    text = _file({"services": {"prometheus": {"host": "nas"}}}, "nas", "prometheus")
    assert "datasources.settings.datasources = lib.mkAfter [" in text
    assert 'url = "http://127.0.0.1:9090";' in text


@pytest.mark.parametrize(
    ("release", "here", "gone"),
    [
        ("25.05", "webhookUrl =", "environment ="),
        ("25.11", 'WEBHOOK_URL = "https://n8n.home.example.org/";', "settings ="),
    ],
)
def test_n8n_is_told_its_address_in_the_words_of_its_release(
    release: str, here: str, gone: str
) -> None:
    """S0-71: a file of settings before 25.11, its environment since."""
    changes: Changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {"n8n": {"host": "nas"}},
    }
    text = _file(changes, "nas", "n8n")
    assert here in text
    assert gone not in text
    assert not build.found(changes, "module-available")


def test_attic_knows_its_address_and_what_can_be_built_again_is_not_kept() -> None:
    """S1-16 S1-17 S1-19: its key reaches it as a file of its environment."""
    plan = build.plan({"services": {"atticd": {"host": "nas"}}, "backup": TARGETS})
    (job,) = [j for j in plan.backup.jobs if j.name == "atticd"]
    assert "/var/lib/private/atticd/storage" in job.exclude
    (secret,) = [s for s in plan.secrets.on("nas") if s.service == "atticd"]
    assert secret.env == (("ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64", "{value}"),)
    text = _file({"services": {"atticd": {"host": "nas"}}}, "nas", "atticd")
    assert 'api-endpoint = "https://atticd.home.example.org/";' in text
    assert f'environmentFile = "{secret.path}";' in text


def test_scrutinys_history_is_for_its_own_host() -> None:
    """S4-29: InfluxDB would answer to every address of the host."""
    text = _file({"services": {"scrutiny": {"host": "nas"}}}, "nas", "scrutiny")
    assert 'http-bind-address = "127.0.0.1:8086";' in text
