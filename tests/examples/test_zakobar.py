"""What the owner of `examples/zakobar` wrote about it, copied here as expectations."""

from __future__ import annotations

import re
from functools import cache

import pytest

from homelab.network.model import LOOPBACK
from homelab.ops.project.stack import check_stack, open_stack
from homelab.plan import Plan
from tests import build

PLACE = build.ROOT / "examples/zakobar"
HOST = "pi-main"
LOOPBACK_ALONE = {
    "attic": 8080,
    "authelia": 9091,
    "eurovote": 8007,
    "grafana": 3002,
    "nextcloud": 8084,
    "node-exporter": 9100,
    "openldap": 389,
    "prometheus": 9090,
    "systemd-exporter": 9558,
    "uptime-kuma": 3001,
}
"""Ports that listen on loopback only."""


@cache
def plan() -> Plan:
    """The example's plan."""
    made, _ = check_stack(PLACE, "zakobar")
    return made


@cache
def files() -> dict[str, str]:
    """The files of its host."""
    release = open_stack(PLACE, "zakobar").releases[HOST]
    return {p: t for p, t in release.files if isinstance(t, str)}


@pytest.mark.requirement("S1-01", "S1-29", "S1-38", "S1-27")
def test_the_pi_keeps_its_address_on_wifi() -> None:
    """The password is in a file, and power saving is off."""
    text = files()["network.nix"]
    assert 'address = "192.168.1.100";' in text
    assert 'address = "192.168.1.1";' in text
    assert 'networks.Zakobar.pskRaw = "ext:wifi_psk";' in text
    assert "set power_save off" in text
    assert "memoryPercent = 25;" in "".join(files().values())
    assert list(plan().hosts) == [HOST]


@pytest.mark.requirement("S1-02", "S1-04", "S1-12")
def test_every_app_listens_on_loopback_behind_caddy() -> None:
    """The virtual host for the tunnel has the same sign-in."""
    ports = {p.owner: p for p in plan().ports if p.owner in LOOPBACK_ALONE}
    assert {o: p.port for o, p in ports.items()} == LOOPBACK_ALONE
    assert {p.scope for p in ports.values()} == {"loopback"}
    assert {s.bind for s in plan().services if s.port} == {LOOPBACK}
    proxy = files()["proxy.nix"]
    assert 'listenAddresses = [ "127.0.0.1" ];' in proxy.partition('"http://:8180"')[2]
    for way in (
        proxy.partition('"http://:8180"')[0],
        proxy.partition('"http://:8180"')[2],
    ):
        gated = re.findall(
            r"handle @([a-z-]+) \{\s*(?:@not_exempt .*\s*)?forward_auth (?:@not_exempt )?127\.0\.0\.1:9091",
            way,
        )
        assert gated == ["eurovote", "grafana", "uptime-kuma"]


@pytest.mark.requirement("S1-04", "S1-05")
def test_the_tunnel_leads_only_known_names_to_caddy() -> None:
    cloud = plan().cloudflare
    assert cloud is not None
    names = ("attic", "auth", "eurovote", "grafana", "nextcloud", "uptime-kuma")
    told = {i.hostname: i.service for i in cloud.ingress if i.hostname}
    assert told == {f"{n}.zakobar.com": "http://127.0.0.1:8180" for n in names}
    assert 'default = "http_status:404";' in files()["tunnel.nix"]


@pytest.mark.requirement("S1-07", "S1-08", "S1-12")
def test_graphs_and_monitors_need_an_administrator_with_two_factors() -> None:
    """Each strict rule has its denial, and precedes open rules."""
    identity = plan().identity
    assert identity is not None
    rules = [(r.route, r.policy, r.groups, r.resources) for r in identity.rules]
    strict = [("two_factor", ("admins",), ()), ("deny", (), ())]
    for name in ("grafana", "uptime-kuma"):
        assert [r[1:] for r in rules if r[0] == name] == strict
    assert [r[1] for r in rules if r[0] == "eurovote"] == ["two_factor", "deny", "one_factor"]
    assert [r.priority for r in identity.rules] == sorted(r.priority for r in identity.rules)
    grafana = files()["services/grafana.nix"]
    assert 'header_name = "X-WEBAUTH-USER";' in grafana
    assert 'auto_assign_org_role = "Admin";' in grafana


@pytest.mark.requirement("S1-06")
def test_members_are_in_the_directory_and_authelia_uses_it() -> None:
    """On loopback, with a password that only these two read."""
    assert 'olcSuffix = "dc=zakobar,dc=com";' in files()["directory.nix"]
    assert 'address = "ldap://127.0.0.1:389";' in files()["identity.nix"]
    assert not [s for s in plan().secrets.on(HOST) if s.name == "authelia-users"]


@pytest.mark.requirement("S1-16")
def test_the_cache_and_the_status_page_are_services_of_nixos() -> None:
    """Both were containers: now they have a sandbox, a dump, and no image to update."""
    assert "services.atticd = {" in files()["services/attic.nix"]
    assert "services.uptime-kuma = {" in files()["services/uptime-kuma.nix"]
    assert "containers.nix" not in files()
    dumped = {j.name: j.sqlite for j in plan().backup.jobs}
    assert dumped["attic"] == ("/var/lib/private/atticd/server.db",)
    assert dumped["uptime-kuma"] == ("/var/lib/private/uptime-kuma/kuma.db",)


@pytest.mark.requirement("S1-20", "S1-34")
def test_eurovote_knows_its_name_and_reads_the_user_from_its_header() -> None:
    """systemd passes its key as a credential, because its user is dynamic."""
    text = files()["services/eurovote.nix"]
    assert 'allowedHosts = "eurovote.zakobar.com";' in text
    assert 'secretKeyFile = "/run/credentials/eurovote.service/secret-key";' in text
    assert "header_up X-Remote-User {header.Remote-User}" in files()["proxy.nix"]
    assert "eurovote" in files()["flake.nix"]


@pytest.mark.requirement("S1-21", "S1-25")
def test_backups_go_to_the_bucket_at_three_without_the_cache() -> None:
    """The database is dumped before its backup. Cached packages are in no backup."""
    jobs = {j.name: j for j in plan().backup.jobs}
    assert {j.at for j in jobs.values()} == {"03:00"}
    assert all(j.repository.startswith("b2:zakobar-home-backup:restic/") for j in jobs.values())
    assert jobs["nextcloud"].dumps[0][:2] == ("postgresql", "nextcloud")
    assert jobs["dataset-files"].paths == ("/mnt/data/files",)
    assert "/var/lib/private/atticd/storage" in jobs["attic"].exclude
    assert 'homelab.backup.dumpAt = "02:30";' in files()["backup.nix"]


@pytest.mark.requirement("S1-21")
def test_nextclouds_dump_and_files_are_consistent() -> None:
    """One hold of Nextcloud covers the dump and the files, which are in a dataset."""
    jobs = {j.name: j for j in plan().backup.jobs}
    assert jobs["nextcloud"].hooks.before == (("nextcloud-occ", "maintenance:mode", "--on"),)
    assert jobs["dataset-files"].holds == ("nextcloud",)
    assert 'holds = [ "nextcloud" ];' in files()["backup.nix"]


@pytest.mark.requirement("S1-23")
def test_previews_are_generated_when_somebody_starts_their_unit() -> None:
    text = files()["services/nextcloud.nix"]
    assert "extraApps.previewgenerator = " in text
    assert "systemd.services.nextcloud-generate-previews = {" in text
    assert "systemd.timers.nextcloud-generate-previews" not in text


@pytest.mark.requirement("S1-16", "S1-18", "S1-19")
def test_the_caches_settings_contain_no_secret() -> None:
    """Its token key is in its environment."""
    settings = files()["nix.nix"]
    assert '"main:9SZt/6plBU7jjQzz90J7O011I13hmJvOMYouxNqExNQ="' in settings
    assert 'netrc-file = "/run/secrets/nix-netrc";' in settings
    text = files()["services/attic.nix"]
    assert 'environmentFile = "/run/secrets/rendered/attic-token";' in text


@pytest.mark.requirement("S1-11")
def test_grafana_has_node_exporter_full_from_its_first_start() -> None:
    """With the Prometheus of the host as its data source."""
    text = files()["measurements.nix"]
    assert '"grafana-dashboards/1860.json".source' in text
    assert 'hash = "sha256-1DE1aaanRHHeCOMWDGdOS1wBXxOF84UXAjJzT5Ek6mM=";' in text
    assert 'sources.prometheus = "Prometheus";' in text
    assert "lib/dashboard.nix" in files()
