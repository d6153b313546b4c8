"""What the owner of `examples/nori` wrote about it, copied here as expectations."""

from __future__ import annotations

from functools import cache

from homelab.config.service_modules import CatalogService
from homelab.ops.project.stack import check_stack, open_stack
from homelab.plan import Plan
from tests import build

PLACE = build.ROOT / "examples/nori"
RUNS = {
    "pi": "authelia beszel beszel-agent blocky caddy gatus ntfy tailscale victorialogs "
    "victoriametrics",
    "aurora": "beszel-agent calibre-web filmder glance grafana heim immich komga miniflux navidrome radicale "
    "samba syncthing tailscale vaultwarden",
    "workstation": "bazarr beszel-agent-workstation jellyfin lidarr ollama prowlarr qbittorrent radarr samba sonarr "
    "syncthing-workstation tailscale",
    "pavilion": "claude hermes nixpkgs-agent tailscale",
}
"""The table of hosts in its README."""


@cache
def plan() -> Plan:
    """The example's plan."""
    made, _ = check_stack(PLACE, "nori")
    return made


def test_every_service_of_its_readme_runs_on_its_host() -> None:
    """All are services of NixOS, except two sites that the server builds and the agents."""
    runs = {host: " ".join(sorted(s.name for s in plan().on(host))) for host in RUNS}
    assert runs == RUNS
    others = [s.name for s in plan().services if not isinstance(s.config, CatalogService)]
    assert others == ["claude", "filmder", "heim", "hermes", "nixpkgs-agent"]


def test_no_name_is_on_the_internet() -> None:
    cloud = plan().cloudflare
    assert cloud is None or not cloud.ingress
    assert not [r.name for r in plan().routes if r.public]


def test_grafana_reads_the_measurements_of_the_pi() -> None:
    files = dict(open_stack(PLACE, "nori").releases["aurora"].files)
    text = files["measurements.nix"]
    assert isinstance(text, str)
    assert 'url = "http://100.100.71.3:8428";' in text


def test_family_data_is_on_the_server_and_has_two_copies() -> None:
    """One on the disk beside it, and one elsewhere. Media have none."""
    targets = {j.target for j in plan().backup.jobs if j.name == "dataset-photos"}
    assert targets == {"b2", "onetouch"}
    assert not [j for j in plan().backup.jobs if j.name == "dataset-media"]
    kept = {r.dataset.name: r.host for r in plan().replicas}
    assert kept == {"library": "workstation", "photos": "workstation"}
