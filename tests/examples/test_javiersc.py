"""What the owner of `examples/javiersc` wrote about it, copied here as expectations."""

from __future__ import annotations

import json
from functools import cache

import pytest

from homelab.dashboard.local import pairs
from homelab.network.table import route_table
from homelab.ops.project.stack import check_stack, open_stack
from homelab.plan import Plan
from tests import build

pytestmark = pytest.mark.requirement("S3-02")

PLACE = build.ROOT / "examples/javiersc"
IP = "192.168.1.50"
TABLE = """
Portal         | <homelab.ip>:80    | nixos.local:80    | homepage-home.javiersc.com
Home Assistant | <homelab.ip>:8123  | nixos.local:8123  | home-assistant-home.javiersc.com
Jellyfin       | <homelab.ip>:8096  | nixos.local:8096  | jellyfin-home.javiersc.com
Transmission   | <homelab.ip>:9091  | nixos.local:9091  | transmission-home.javiersc.com
Sonarr         | <homelab.ip>:8989  | nixos.local:8989  | sonarr-home.javiersc.com
Radarr         | <homelab.ip>:7878  | nixos.local:7878  | radarr-home.javiersc.com
Prowlarr       | <homelab.ip>:9696  | nixos.local:9696  | prowlarr-home.javiersc.com
Jackett        | <homelab.ip>:9117  | nixos.local:9117  | jackett-home.javiersc.com
Backrest       | <homelab.ip>:9898  | nixos.local:9898  | backrest-home.javiersc.com
Documentation  | Cloudflare Pages   | N/A               | docs-home.javiersc.com
LiteLLM        | <homelab.ip>:14000 | nixos.local:14000 | litellm-home.javiersc.com
Ollama         | <homelab.ip>:11434 | nixos.local:11434 | ollama-home.javiersc.com
PicoClaw       | <homelab.ip>:18800 | nixos.local:18800 | picoclaw-home.javiersc.com
Cockpit        | <homelab.ip>:9090  | nixos.local:9090  | cockpit-home.javiersc.com
Manual         | <homelab.ip>:8097  | nixos.local:8097  | manual-home.javiersc.com
OTBR           | <homelab.ip>:8091  | nixos.local:8091  | otbr-home.javiersc.com
"""
NO_ROUTE = [
    "flaresolverr",
    "homelab-ssh-mcp",
    "matter-server",
    "mosquitto",
    "openclaw",
    "piper",
    "tailscale",
    "whisper",
]


@cache
def plan() -> Plan:
    """The example's plan."""
    made, _ = check_stack(PLACE, "javiersc")
    return made


@cache
def files() -> dict[str, str]:
    """The files of its host."""
    release = open_stack(PLACE, "javiersc").releases["nixos"]
    return {p: t for p, t in release.files if isinstance(t, str)}


@pytest.mark.requirement("S3-02", "S3-11")
def test_the_table_of_names_is_that_of_the_owner() -> None:
    """Local address, local alias and public name of 15 services and SSH."""
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    told = {
        public: (local.replace("<homelab.ip>", IP), alias.replace("N/A", ""))
        for _, local, alias, public in rows
    }
    found = {r.public: (r.local or r.service, r.alias) for r in route_table(plan()) if r.alias}
    pages = {r.public: (r.service, "") for r in route_table(plan()) if r.name == "docs"}
    assert found | pages == told
    others = {r.public for r in route_table(plan())} - set(told)
    assert others == {"ssh-home.javiersc.com"}


@pytest.mark.requirement("S2-06", "S3-01")
def test_every_published_name_has_the_one_policy_by_e_mail() -> None:
    """No address record, and an application for each name in the tunnel."""
    cloud = plan().cloudflare
    assert cloud is not None
    assert {r.type for r in cloud.records} == {"CNAME"}
    tunnelled = {r.public for r in plan().routes}
    assert {a.domain for a in cloud.apps} >= tunnelled
    assert len({a.policies for a in cloud.apps if a.domain in tunnelled}) == 1
    (policy,) = cloud.policies
    assert set(policy.emails) == {"ana@javiersc.com", "javier@javiersc.com"}


@pytest.mark.parametrize("service", NO_ROUTE)
@pytest.mark.requirement("S3-03")
def test_a_service_outside_of_the_table_has_no_name(service: str) -> None:
    """Their ports listen on loopback only, except for the tailnet's."""
    assert plan().service(service) is not None
    assert plan().routes_of(service) == ()
    opened = [p for p in plan().firewall.ports if p.owner == service]
    assert [p.label for p in opened] == (["wireguard"] if service == "tailscale" else [])


@pytest.mark.requirement("S2-08")
def test_the_tunnel_dials_each_service_and_sshd_as_they_are() -> None:
    """Directly to the port, and with ssh:// for SSH."""
    text = files()["tunnel.nix"]
    assert '"jellyfin-home.javiersc.com" = "http://127.0.0.1:8096";' in text
    assert '"ssh-home.javiersc.com" = "ssh://localhost:22";' in text


@pytest.mark.requirement("S2-06", "S3-01")
def test_no_name_bypasses_access() -> None:
    """The machine itself answers 404 for a published name, at home and elsewhere."""
    assert "javiersc.com" not in files()["proxy.nix"]
    assert "certificates.nix" not in files()


@pytest.mark.requirement("S3-11")
def test_plain_http_at_home_shows_the_dashboard() -> None:
    """At the host's name and addresses, which the dashboard accepts."""
    proxy, dashboard = files()["proxy.nix"], files()["dashboard.nix"]
    assert '"nixos.local" = {' in proxy
    assert f'"{IP}"' in proxy
    assert f"homepage-home.javiersc.com,nixos.local,{IP}," in dashboard


@pytest.mark.requirement("S3-10")
def test_the_button_of_the_dashboard_leads_to_every_address_of_the_table() -> None:
    """The public documentation is on Cloudflare Pages, and has no other address."""
    table = {f"https://{r.public}": r.url(r.local) for r in route_table(plan()) if r.local}
    del table["https://homepage-home.javiersc.com"]
    assert pairs(plan()) == table
    assert "https://docs-home.javiersc.com" not in table
    assert json.dumps(table["https://jellyfin-home.javiersc.com"]) in files()["dashboard/links.js"]


@pytest.mark.requirement("S3-13")
def test_the_favicon_is_the_owners() -> None:
    assert files()["dashboard/favicon.svg"].startswith("<svg")
    assert "favicon = ./dashboard/favicon.svg;" in files()["dashboard.nix"]


@pytest.mark.requirement("S3-06")
def test_the_dashboard_has_the_owners_groups_and_probes_local_addresses() -> None:
    """At their public names, Access would answer."""
    dashboard = plan().dashboard
    assert dashboard is not None
    assert [g for g, _ in dashboard.groups] == [
        "Automation",
        "Media & Entertainment",
        "Management",
        "Infrastructure",
    ]
    probes = [t.probe for _, tiles in dashboard.groups for t in tiles if t.probe]
    assert probes
    assert all(p.startswith("http://127.0.0.1:") for p in probes)


@pytest.mark.requirement("S2-13")
def test_agents_may_restart_the_listed_units() -> None:
    text = files()["control.nix"]
    assert 'subject.user !== "homelab-ssh-mcp"' in text
    assert '"podman-otbr.service"' in text
    assert "tailscaled" not in text


@pytest.mark.requirement("S2-09", "S2-16")
def test_home_assistant_is_reached_over_the_tailnet_without_forward_auth() -> None:
    """Its app supports only its own sign-in. It trusts the proxy and the tunnel."""
    (route,) = plan().routes_of("home-assistant")
    assert route.tailnet_direct
    assert plan().hosts["nixos"].tailnet == "100.82.100.68"
    text = files()["services/home-assistant.nix"]
    assert 'trusted_proxies = [ "127.0.0.1" ];' in text
    assert 'server_host = "0.0.0.0";' in text


@pytest.mark.requirement("S3-14", "S3-15")
def test_uploads_run_at_night_and_the_turtle_pauses() -> None:
    text = files()["rates.nix"]
    assert '"*-*-* 08:00:00"' in text
    assert '"*-*-* 00:00:00"' in text
    assert "alt-speed-time-enabled = false;" in text


@pytest.mark.requirement("S2-11", "S3-04")
def test_backrest_and_the_connections_are_those_of_nixpkgs_and_no_containers() -> None:
    assert "homelab.backrest" in files()["services/backrest.nix"]
    told = files()["lib/connections-sonarr.json"]
    assert "Torznab" in told
    assert "Transmission" in told


@pytest.mark.requirement("S3-07", "S3-08")
def test_the_dashboard_asks_home_assistant_with_a_token_from_1password() -> None:
    assert 'key = "{{HOMEPAGE_VAR_HOME_ASSISTANT}}";' in files()["dashboard.nix"]
    assert "op://Homelab/Home Assistant/token" in files()["fetched-secrets.nix"]
