"""Entries for Z-Wave, books, recipes, web sites and DNS: what only the owner knows, and secrets."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from tests import build
from tests.build import service_file


@pytest.mark.parametrize("name", ["zwave-js", "zwave-js-ui"])
def test_a_z_wave_server_asks_for_its_radio(name: str) -> None:
    problems = build.found({"services": {name: {"host": "pi"}}}, "service-needs")
    assert [p for p in problems if "needs a Z-Wave radio" in p.what]


def test_the_z_wave_server_has_no_sign_in_and_listens_to_its_host() -> None:
    text = service_file("zwave-js")
    assert '"--host"' in text
    assert '"127.0.0.1"' in text
    assert '"--disable-dns-sd"' in text
    assert ENTRIES["zwave-js"].never_publish


def test_sessions_of_z_wave_js_ui_have_a_secret_of_their_own() -> None:
    """The default one is public."""
    text = service_file("zwave-js-ui")
    assert "EnvironmentFile = [" in text
    assert '"/run/homelab/secrets/zwave-js-ui-session"' in text


@pytest.mark.parametrize(
    ("release", "unit"), [("25.05", "postgresql.service"), ("25.11", "postgresql.target")]
)
def test_tandoor_has_its_database_without_the_option_that_changes_paperless(
    release: str, unit: str
) -> None:
    changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {"tandoor-recipes": {"host": "pi"}},
    }
    text = build.render(changes)["pi"]["services/tandoor-recipes.nix"]
    assert "createLocally" not in text
    assert 'ensureDatabases = [ "tandoor_recipes" ];' in text
    assert f'after = [ "{unit}" ];' in text


def test_jobs_report_to_healthchecks_without_the_auth_proxy() -> None:
    assert "/ping/*" in ENTRIES["healthchecks"].sign_in.exempt
    assert "REMOTE_USER_HEADER" not in service_file("healthchecks")
    text = service_file("healthchecks", auth="forward")
    assert 'REMOTE_USER_HEADER = "HTTP_REMOTE_EMAIL";' in text


def test_the_published_password_of_umami_may_not_meet_the_internet() -> None:
    public = {"publish": "tunnel", "public": "web sites of others load its script"}
    changes = {
        "cloudflare": {"tunnel": {"host": "pi"}},
        "site": {"exposure": "mixed"},
        "services": {"umami": {"host": "pi", "auth": "native", **public}},
    }
    assert build.found(changes, "first-account")


def test_the_key_of_kavita_has_512_bits() -> None:
    """86 characters of base64."""
    assert ENTRIES["kavita"].secrets["token"].length == 86


def test_players_of_the_lan_reach_the_streams_of_music_assistant_and_not_its_pages() -> None:
    plan = build.plan({"services": {"music-assistant": {"host": "pi"}}})
    assert [p.port for p in plan.firewall.ports if p.owner == "music-assistant"] == [8097]


def test_technitium_has_a_password_that_is_not_published() -> None:
    text = service_file("technitium-dns-server")
    assert '"admin:/run/homelab/secrets/technitium-dns-server-admin"' in text
    assert not ENTRIES["technitium-dns-server"].sign_in.first_account


def test_go2rtc_starts_programs_so_strangers_cannot_open_its_pages() -> None:
    assert "none" not in ENTRIES["go2rtc"].sign_in.kinds
    plan = build.plan({"services": {"go2rtc": {"host": "pi"}}})
    opened = {(p.port, p.scope) for p in plan.firewall.ports if p.owner == "go2rtc"}
    assert opened == {(8555, "lan")}


@pytest.mark.parametrize(("name", "secret"), [("pinchflat", "key"), ("wastebin", "keys")])
def test_a_key_that_needs_64_bytes_has_them(name: str, secret: str) -> None:
    assert ENTRIES[name].secrets[secret].length >= 64


def test_nzbget_has_its_published_password_until_the_owner_changes_it() -> None:
    """Its settings are in the Nix store, so no secret of ours can replace it."""
    entry = ENTRIES["nzbget"]
    assert entry.sign_in.first_account == "published"
    assert "ControlPassword" not in service_file("nzbget")


@pytest.mark.parametrize(("name", "port"), [("frigate", 8971), ("privatebin", 8090)])
def test_a_virtual_host_of_the_app_listens_where_the_proxy_calls_it(name: str, port: int) -> None:
    text = service_file(name)
    listen = text.split("listen = [")[1]
    assert 'addr = "127.0.0.1";' in listen
    assert f"port = {port};" in listen


def test_frigate_believes_an_identity_header_only_behind_the_auth_proxy() -> None:
    assert "header_map" not in service_file("frigate")
    assert 'proxy.header_map.user = "Remote-User";' in service_file("frigate", auth="forward")


def test_recordings_of_cameras_are_in_no_backup_and_faces_are() -> None:
    """Frigate keeps the faces that it knows below clips."""
    assert ENTRIES["frigate"].exclude == ("/var/lib/frigate/recordings",)


def test_mumble_asks_everybody_for_a_password_that_is_not_in_the_nix_store() -> None:
    text = service_file("murmur")
    assert 'password = "$MURMURD_PASSWORD";' in text
    assert 'environmentFile = "/run/homelab/secrets/murmur-password";' in text


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("factorio", {(34197, "udp")}),
        ("minidlna", {(8200, "tcp"), (1900, "udp")}),
        ("murmur", {(64738, "tcp"), (64738, "udp")}),
    ],
)
def test_programs_of_the_lan_reach_it_without_a_page(
    name: str, ports: set[tuple[int, str]]
) -> None:
    plan = build.plan({"services": {name: {"host": "nas"}}})
    assert {(p.port, p.protocol) for p in plan.firewall.ports if p.owner == name} == ports
    assert {p.scope for p in plan.firewall.ports if p.owner == name} == {"lan"}
    assert plan.routes_of(name) == ()


def test_code_server_gives_a_shell_so_strangers_cannot_open_it() -> None:
    assert "none" not in ENTRIES["code-server"].sign_in.kinds
    assert 'auth = "none";' in service_file("code-server", auth="forward")
    assert "auth =" not in service_file("code-server", auth="native")


def test_rustdesk_serves_only_clients_that_know_its_key() -> None:
    text = service_file("rustdesk-server")
    assert text.count('"-k"') == 2
    assert build.found({"services": {"rustdesk-server": {"host": "pi"}}}, "option-demanded")


def test_players_get_the_channels_of_ersatztv_without_the_auth_proxy() -> None:
    entry = ENTRIES["ersatztv"]
    assert "/iptv/*" in entry.sign_in.exempt
    assert entry.sign_in.kinds[0] == "forward"
