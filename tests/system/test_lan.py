"""A host on the LAN: static address, WiFi with a secret, and fail2ban."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab.nix import Comment
from homelab.problems import InvalidStackError, Problem
from homelab.render import modules_of
from homelab.secrets.recipients import check_recipients
from homelab.secrets.sops_file import parse_sops_file
from tests import build
from tests.household import Changes
from tests.tools.options import check_module
from tests.tools.programs import formatted

WIFI: Changes = {"ssid": "homenet", "psk": {"sops": "wifi/psk"}}
STATIC: Changes = {"static": True, "interface": "enp3s0"}
SCRIPT = Path(__file__).parents[2] / "homelab/system/wifi.sh"


def nas(**config: object) -> Changes:
    """The smallest homelab with these fields of its NAS."""
    return {"hosts": {"nas": config}}


def module(file: str, **config: object) -> Any:
    """The options in a module of the NAS."""
    made = build.plan(nas(**config))
    (found,) = [m for m in modules_of(made, made.hosts["nas"]) if m.file == file]
    return found.derived


def text(file: str, **config: object) -> str:
    return build.render(nas(**config))["nas"][file]


@pytest.mark.parametrize(
    "config",
    [
        STATIC,
        {"wifi": WIFI},
        {"wifi": WIFI, **STATIC},
        {"wifi": {"backend": "iwd"}},
        {"wifi": {**WIFI, "watchdog": {}}},
        {"fail2ban": {"ignore": ["10.9.0.0/24"]}},
    ],
)
@pytest.mark.requirement("S1-01", "S1-38", "S4-35")
def test_every_option_exists_and_is_as_nixfmt_has_it(config: Changes, tmp_path: Path) -> None:
    made = build.plan(nas(**config))
    wanted = [
        m
        for m in modules_of(made, made.hosts["nas"])
        if m.file in ("network.nix", "fail2ban.nix", "secrets.nix")
    ]
    assert wanted
    assert [p for m in wanted for p in check_module(m)] == []
    files = build.render(nas(**config))["nas"]
    assert formatted(tmp_path, [files[m.file] for m in wanted]) == []
    assert build.problems(nas(**config)) == build.problems()


# --- a fixed address ------------------------------------------------------------------------------


@pytest.mark.requirement("S1-01")
def test_a_static_host_has_its_address_gateway_and_resolver() -> None:
    """No DHCP on that interface, and the home resolver."""
    assert module("network.nix", **STATIC)["networking"] == {
        "defaultGateway": {"address": "192.168.1.1", "interface": "enp3s0"},
        "interfaces": {
            "enp3s0": {
                "ipv4": {"addresses": [{"address": "192.168.1.3", "prefixLength": 24}]},
                "useDHCP": False,
            }
        },
        "nameservers": Comment(
            "The home resolver first; the others are used while it is down.",
            ["192.168.1.2", "1.1.1.1", "9.9.9.9"],
        ),
        "resolvconf": {"extraOptions": ["timeout:2"]},
    }


@pytest.mark.requirement("S1-01", "S0-19")
def test_the_resolvers_own_host_has_its_upstreams_once() -> None:
    """It must resolve names while its resolver is down."""
    files = build.render({"hosts": {"pi": STATIC}})["pi"]
    assert "nameservers" not in files["network.nix"]
    assert "nameservers" in files["dns.nix"]


@pytest.mark.requirement("S1-01", "T8")
def test_without_our_resolver_the_router_is_used() -> None:
    files = build.render({**nas(**STATIC), "network": {"dns": {"server": "none", "host": None}}})
    assert 'nameservers = [ "192.168.1.1" ];' in files["nas"]["network.nix"]


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        (nas(static=True), "hosts.nas.static", "name the interface"),
        (nas(**STATIC, address={"lan": None}), "hosts.nas.static", "no address"),
    ],
)
@pytest.mark.requirement("S1-01")
def test_an_incomplete_static_address_is_refused(changes: Changes, where: str, words: str) -> None:
    """`static-ip-complete`."""
    (problem,) = build.found(changes, "static-ip-complete")
    assert (problem.where, words in problem.what) == (where, True)
    assert build.found(nas(**STATIC), "static-ip-complete") == []


# --- WiFi -----------------------------------------------------------------------------------------


@pytest.mark.requirement("S1-38")
def test_the_tree_contains_only_the_name_of_the_wifi_password() -> None:
    """The tree contains the secret's name and path."""
    shown = text("network.nix", wifi=WIFI)
    assert 'pskRaw = "ext:wifi_psk";' in shown
    assert 'secretsFile = "/run/secrets/wifi-psk";' in shown
    assert 'key = "wifi/psk";' in text("secrets.nix", wifi=WIFI)
    assert 'restartUnits = [ "wpa_supplicant.service" ];' in text("secrets.nix", wifi=WIFI)


@pytest.mark.requirement("S1-38")
def test_a_named_interface_has_a_wpa_supplicant_of_its_own() -> None:
    """A new password restarts this one."""
    assert 'interfaces = [ "wlan0" ];' in text("network.nix", wifi=WIFI, interface="wlan0")
    assert "wpa_supplicant-wlan0.service" in text("secrets.nix", wifi=WIFI, interface="wlan0")


@pytest.mark.parametrize(("release", "owner"), [("25.11", "root"), ("26.05", "wpa_supplicant")])
@pytest.mark.requirement("S1-38")
def test_the_user_of_wpa_supplicant_can_read_its_secret(release: str, owner: str) -> None:
    """From 26.05 on it does not run as root."""
    made = build.plan({**nas(wifi=WIFI), "nixpkgs": {"default": {"release": release}}})
    (secret,) = [s for s in made.secrets.on("nas") if s.name == "wifi-psk"]
    assert (secret.owner, secret.mode) == (owner, "0400")


@pytest.mark.requirement("S1-38", "S1-01")
def test_a_retired_host_stays_on_its_network() -> None:
    """Its last release keeps it reachable."""
    files = build.render(nas(state="retired", wifi=WIFI, **STATIC))["nas"]
    assert "defaultGateway" in files["network.nix"]
    assert "wifi-psk" in files["secrets.nix"]


@pytest.mark.parametrize(
    ("wifi", "more", "where", "words"),
    [
        ({"backend": "iwd", **WIFI}, {}, "hosts.nas.wifi", "iwd keeps its networks itself"),
        ({"ssid": "homenet"}, {}, "hosts.nas.wifi", "needs the network's name and secret"),
        (
            WIFI,
            {"networking.wireless.iwd.enable": True},
            "services.miniflux.options.networking.wireless.iwd.enable",
            "starts a second program",
        ),
        (
            {"backend": "iwd"},
            {"networking.networkmanager.enable": True},
            "services.miniflux.options.networking.networkmanager.enable",
            "starts a second program",
        ),
    ],
)
@pytest.mark.requirement("S1-38", "T19")
def test_only_one_program_manages_the_wifi(
    wifi: Changes, more: Changes, where: str, words: str
) -> None:
    """`wifi-backend-single`."""
    service = {"services": {"miniflux": {"host": "nas", "options": more}}}
    (problem,) = build.found({**nas(wifi=wifi), **service}, "wifi-backend-single")
    assert (problem.where, words in problem.what) == (where, True)
    for fine in (WIFI, {"backend": "iwd"}):
        assert build.found(nas(wifi=fine), "wifi-backend-single") == []


@pytest.mark.requirement("S1-38")
def test_a_network_name_that_wpa_supplicant_cannot_read_is_refused() -> None:
    """The name is quoted in the configuration."""
    with pytest.raises(InvalidStackError, match=r"wifi\.ssid"):
        build.plan(nas(wifi={**WIFI, "ssid": 'a" psk="b'}))


def _format(size: int) -> list[Problem]:
    made = build.plan(nas(wifi=WIFI))
    data = "A" * (size // 3 * 4) + ("", "AA==", "AAA=")[size % 3]
    whole = build.sops_text(made, "nas").replace("A" * 32, data)
    file = parse_sops_file("secrets/nas.yaml", whole)
    return [p for p in check_recipients(made, {file.path: file}) if p.check != "secret-known"]


@pytest.mark.parametrize("password", [8, 9, 63, 64])
@pytest.mark.requirement("S1-38")
def test_an_encrypted_secret_of_the_right_length_passes(password: int) -> None:
    """`wifi-secret-format`, which needs no key."""
    assert _format(len("wifi_psk=") + password) == []


@pytest.mark.parametrize("size", [1, len("correct horse"), len("wifi_psk=") + 7, 80])
@pytest.mark.requirement("S1-38")
def test_an_encrypted_secret_of_the_wrong_length_is_refused(size: int) -> None:
    """Most often a password without its key."""
    (problem,) = _format(size)
    assert (problem.check, problem.where) == ("wifi-secret-format", "hosts.nas.wifi.psk")
    assert "wifi_psk=<password>" in problem.what


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        ("wifi_psk=hunter2hunter2\n", True),
        ("wifi_psk=hunter2hunter2", True),
        ("wifi_psk=a=b c", True),
        ("hunter2hunter2\n", False),
        ("wifi_psk=\n", False),
        ("wifi_psk=hunter2hunter2\nother=x\n", False),
        ("WIFI_PSK=hunter2hunter2\n", False),
        ("", False),
    ],
)
@pytest.mark.requirement("S1-38")
def test_the_host_reports_a_malformed_secret_without_its_value(
    content: str, passes: bool, tmp_path: Path
) -> None:
    """The host checks the value for `^wifi_psk=.+$`."""
    secret = tmp_path / "run/secrets/wifi-psk"
    secret.parent.mkdir(parents=True)
    secret.write_text(content, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-eu", "-c", f'. "{SCRIPT}"'],
        env={**os.environ, "HOMELAB_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is passes
    assert "hunter2" not in done.stdout + done.stderr
    assert passes or "one line of the form wifi_psk=<password>" in done.stderr


@pytest.mark.parametrize("wifi", [WIFI, {"backend": "iwd"}])
@pytest.mark.requirement("S1-27")
def test_wifi_power_saving_is_off(wifi: Changes) -> None:
    """Only on hosts with WiFi."""
    rule = text("network.nix", wifi=wifi)
    assert 'KERNEL=="wl*", RUN+="${pkgs.iw}/bin/iw dev $name set power_save off"' in rule
    assert "power_save" not in text("network.nix", wifi={**wifi, "power_save": True})
    assert "power_save" not in text("network.nix", **STATIC)


@pytest.mark.requirement("S1-28")
def test_the_router_is_probed_after_boot_and_periodically() -> None:
    """A timer, and the gateway of the stack."""
    systemd = module("network.nix", wifi={**WIFI, "watchdog": {}}, interface="wlan0")["systemd"]
    assert systemd["timers"]["wifi-watchdog"]["timerConfig"] == {
        "OnBootSec": "5min",
        "OnUnitActiveSec": "2min",
    }
    shown = text("network.nix", wifi={**WIFI, "watchdog": {"grace": "1min"}}, interface="wlan0")
    assert "watch 192.168.1.1 1m wpa_supplicant-wlan0.service\n" in shown
    iwd = text("network.nix", wifi={"backend": "iwd", "watchdog": {}})
    assert "watch 192.168.1.1 30s iwd.service\n" in iwd
    assert "wifi-watchdog" not in text("network.nix", wifi=WIFI)


@pytest.mark.parametrize(
    ("answers", "heard", "did"),
    [
        ("0", False, ""),
        ("1 0", True, "restart wpa.service\nsleep 30s\n"),
        ("1 1", True, "restart wpa.service\nsleep 30s\nreboot\n"),
        ("1 1", False, "restart wpa.service\nsleep 30s\n"),
    ],
)
@pytest.mark.requirement("S1-28")
def test_a_lost_network_restarts_the_interface_and_then_the_host_once(
    answers: str, heard: bool, did: str, tmp_path: Path
) -> None:
    """A router that is off for a day does not reboot the host all day."""
    mark = tmp_path / "run/homelab/gateway-heard"
    if heard:
        mark.parent.mkdir(parents=True)
        mark.touch()
    stubs = f"""
      answers=({answers}) asked=0
      ping() {{ asked=$((asked + 1)); return "${{answers[asked - 1]}}"; }}
      systemctl() {{ echo "$*"; }}
      sleep() {{ echo "sleep $*"; }}
      . "{SCRIPT.with_name("watchdog.sh")}"
      watch 192.168.1.1 30s wpa.service
    """
    done = subprocess.run(
        ["bash", "-eu", "-c", stubs],
        env={**os.environ, "HOMELAB_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == did
    assert mark.exists() is (heard or answers == "0")


# --- fail2ban -------------------------------------------------------------------------------------


@pytest.mark.requirement("S4-35")
def test_the_household_is_never_banned_and_the_jail_uses_the_ssh_port() -> None:
    """NixOS joins lists, so an own module adds to these."""
    config: Changes = {"fail2ban": {"ignore": ["10.9.0.0/24"]}, "ssh": {"port": 2222}}
    fail2ban = module("fail2ban.nix", **config)["services"]["fail2ban"]
    assert (fail2ban["bantime"], fail2ban["maxretry"]) == ("1h", 5)
    assert fail2ban["jails"] == {
        "DEFAULT": {"settings": {"findtime": "10m"}},
        "sshd": {"settings": {"filter": "sshd[mode=aggressive]", "port": "2222"}},
    }
    shown = text("fail2ban.nix", **config)
    for network in ("192.168.1.0/24", "10.9.0.0/24"):
        assert f'"{network}"' in shown
    # Without a tailnet, its addresses are not ignored.
    assert "100.64.0.0/10" not in shown
    changes = {**build.TAILNET, "hosts": {"nas": config}}
    joined = build.render(changes)["nas"]["fail2ban.nix"]
    for network in ("100.64.0.0/10", "fd7a:115c:a1e0::/48"):
        assert f'"{network}"' in joined


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        (nas(fail2ban={"ignore": ["0.0.0.0/0"]}), "hosts.nas.fail2ban.ignore[0]"),
        (
            {
                "services": {
                    "miniflux": {"host": "nas", "options": {"services.fail2ban.enable": True}}
                }
            },
            "services.miniflux.options.services.fail2ban.enable",
        ),
    ],
)
@pytest.mark.requirement("S4-35")
def test_a_ban_of_everybody_or_nobody_is_refused(changes: Changes, where: str) -> None:
    """`f2b-ignore`."""
    (problem,) = build.found(changes, "f2b-ignore")
    assert problem.where == where
    assert build.found(nas(fail2ban={}), "f2b-ignore") == []
