"""What a review of `examples/mynixos` states, copied here as expectations."""

from __future__ import annotations

import re
from functools import cache

import pytest

from homelab.ops.project.stack import check_stack, open_stack
from homelab.plan import Plan
from tests import build

PLACE = build.ROOT / "examples/mynixos"
HOST = "q958"
PORTS = {"adguardhome": 10000, "pocket-id": 10010, "sonarr": 20989}
"""The known part of the port registry. Jellyfin's 20096 is set in its own web interface."""
FIXED = {"jellyfin", "sabnzbd"}
"""Apps whose module has no option for the port."""
LEAVES_BY_VPN = {"lidarr", "radarr", "sabnzbd", "sonarr"}


@cache
def plan() -> Plan:
    """The example's plan."""
    made, _ = check_stack(PLACE, "mynixos")
    return made


@cache
def files() -> dict[str, str]:
    """The files of its host."""
    release = open_stack(PLACE, "mynixos").releases[HOST]
    return {p: t for p, t in release.files if isinstance(t, str)}


@pytest.mark.requirement("S4-02")
def test_ports_are_those_of_the_registry_and_of_its_bands() -> None:
    """10xxx for infrastructure, 20xxx for services."""
    web = {s.name: s for s in plan().services if s.port}
    assert {n: web[n].port for n in PORTS} == PORTS
    for name, service in web.items():
        if name not in FIXED:
            first = 10000 if service.entry.infrastructure else 20000
            assert first <= service.port <= first + 9999, name
    assert plan().hosts[HOST].config.ssh.port == 53844


@pytest.mark.requirement("S4-32")
def test_names_have_the_prefix_and_each_published_one_a_rule_of_its_own() -> None:
    """cloudflared does not support `nix-*`, and every rule verifies the certificate."""
    assert {r.internal for r in plan().routes} == {f"nix-{r.name}.m7c5.de" for r in plan().routes}
    cloud = plan().cloudflare
    assert cloud is not None
    published = ("auth", "home", "jellyfin", "monica", "n8n")
    assert [i.hostname for i in cloud.ingress if i.hostname] == [
        f"nix-{n}.m7c5.de" for n in published
    ]
    text = files()["tunnel.nix"]
    assert "*" not in text.partition("ingress")[2].partition("}")[0]
    assert "noTLSVerify" not in text
    assert 'default = "http_status:404";' in text


@pytest.mark.requirement("S1-04", "S4-16")
def test_a_name_that_the_tunnel_carries_is_known_at_home_as_well() -> None:
    """Two routers, one for each entry point of Traefik."""
    proxy = files()["proxy.nix"]
    for name in ("auth", "home", "jellyfin", "monica", "n8n"):
        rules = re.findall(
            r'entryPoints = \[ "(\w+)" \];[^=]*middlewares = \[[^\]]*\];\s*'
            rf"rule = \"Host\(`nix-{name}\.m7c5\.de`\)\";",
            proxy,
        )
        assert sorted(rules) == ["https", "tunnel"], name


@pytest.mark.requirement("S4-12")
def test_traefik_speaks_tls_from_1_2_on_and_counts_requests() -> None:
    """Every cipher has forward secrecy."""
    proxy = files()["proxy.nix"]
    assert 'minVersion = "VersionTLS12";' in proxy
    assert "sniStrict = true;" in proxy
    assert all("ECDHE" in c for c in re.findall(r'"(TLS_[A-Z0-9_]+)"', proxy))
    assert re.search(r"rateLimit = \{\s*average = 50;\s*burst = 100;", proxy)


@pytest.mark.requirement("S4-16", "S4-17")
def test_pocket_id_has_a_callback_for_every_name_behind_sign_in() -> None:
    """Each protected route has its callback."""
    identity = plan().identity
    assert identity is not None
    gated = [r for r in plan().routes if r.auth == "forward"]
    assert len(gated) == 12
    assert set(identity.auth_proxy.callbacks) == {
        f"https://{r.internal}/oauth2/callback" for r in gated
    }
    assert 'APP_URL = "https://nix-auth.m7c5.de";' in files()["identity.nix"]


@pytest.mark.requirement("S4-13", "S4-14")
def test_four_services_use_only_the_vpn() -> None:
    """By group ids. The key is a file."""
    (vpn,) = plan().vpn.vpns
    assert {m.service for m in vpn.members} == LEAVES_BY_VPN
    text = files()["vpn-killswitch.nix"]
    gids = re.search(r"meta skgid \{ ([0-9, ]+) \} goto to-privado", text)
    assert gids is not None
    assert {int(g) for g in gids[1].split(", ")} == {m.ids.gid for m in vpn.members if m.ids}
    chain = text.partition("chain to-privado {\n")[2].partition("\n          }")[0]
    lines = [line.strip() for line in chain.splitlines()]
    assert (lines[0], lines[-1]) == ('oifname "privado" accept', "counter drop")
    assert 'privateKeyFile = "/run/secrets/vpn-privado";' in text


@pytest.mark.requirement("S4-05", "S4-06")
def test_the_small_boot_partition_does_not_fill_up() -> None:
    """Four generations, for which there is room, and daily garbage collection."""
    assert "configurationLimit = 4;" in files()["boot.nix"]
    assert 'dates = "daily";' in files()["nix.nix"]


@pytest.mark.requirement("S4-28", "S4-29")
def test_old_files_leave_the_fast_disk_of_the_pool_and_scrutiny_reads_each_disk() -> None:
    assert 'device = "/mnt/ssd:/mnt/hdd1";' in files()["disks.nix"]
    assert "lib/mover.sh} /mnt/ssd 30 85 /mnt/hdd1" in files()["movers.nix"]
    for disk in plan().hosts[HOST].config.disks:
        assert f"/dev/homelab/disk-{disk}" in files()["smart.nix"]


@pytest.mark.requirement("S4-10")
def test_a_lost_key_does_not_lock_the_owner_out() -> None:
    """From the LAN alone, for five minutes."""
    assert "Match Address 192.168.2.0/24 User moritz" in files()["recovery.nix"]
    assert "open 300 moritz" in files()["recovery.nix"]
    assert "PasswordAuthentication = false;" in files()["ssh.nix"]


@pytest.mark.requirement("S4-31")
def test_jellyseerr_keeps_the_number_of_its_user() -> None:
    """Its files are on the disk under the number that the lock has."""
    assert "uid = 595;" in files()["ids.nix"]
    assert "DynamicUser = lib.mkForce false;" in files()["ids.nix"]


@pytest.mark.requirement("S4-35")
def test_failed_logins_are_banned_except_from_home() -> None:
    """At the port that SSH listens on."""
    text = files()["fail2ban.nix"]
    for part in ('"192.168.2.0/24"', '"100.64.0.0/10"', "53844", "maxretry = 5;"):
        assert part in text
    assert 'bantime = "1h";' in text


@pytest.mark.parametrize(
    "unit", ["n8n", "jellyfin", "phpfpm-monica", "radarr", "sabnzbd", "scrutiny", "sonarr"]
)
@pytest.mark.requirement("S4-19")
def test_every_service_has_the_same_sandbox(unit: str) -> None:
    """The five settings that only n8n had."""
    (found,) = [u for u in plan().hardening if u.unit == unit]
    settings = dict(found.settings)
    assert settings["NoNewPrivileges"] is True
    assert settings["PrivateTmp"] is True
    assert settings["ProtectSystem"] == "strict"
    assert settings["ProtectHome"] is True
    assert str(settings["RestrictAddressFamilies"]).startswith("AF_UNIX AF_INET AF_INET6")


@pytest.mark.requirement("S4-20")
def test_a_service_without_a_sandbox_has_a_reason() -> None:
    """In the review, Monica had none and no reason. Now it has one."""
    bare = {
        u.service: dict(u.exceptions)
        for u in plan().hardening
        if "everything" in dict(u.exceptions)
    }
    assert set(bare) == {"netdata", "tailscale"}
    assert all(reasons["everything"] for reasons in bare.values())
