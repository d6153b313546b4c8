"""Secrets of hosts themselves, from 1Password or from a file that a module of the owner provides."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.secrets.inventory import inventory
from homelab.testing import changed
from tests import build
from tests.vpn.stack import VPN

pytestmark = pytest.mark.requirement("S2-03", "S3-08")
KEY = f"main:{'A' * 43}="


def stack(ref: dict[str, str], early: dict[str, str]) -> dict[str, Any]:
    """A stack whose hosts read every secret of their own from such places."""
    return {
        "secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}},
        "site": {"owner": {"password": early}},
        "monitoring": {"ntfy": {"topic": ref, "token": ref}},
        "vpn": {"privado": {**VPN, "key": ref}},
        "services": {
            "jellyfin": {"host": "nas", "vpn": "privado"},
            "gatus": {"host": "pi"},
        },
        "network": {
            "entry": {"acme": {"provider": "desec", "credentials": {"DESEC_TOKEN": ref}}},
        },
        "hosts": {
            "nas": {
                "interface": "wlan0",
                "wifi": {"ssid": "home", "psk": early},
                "ssh": {"recovery": {"password": early}},
                "nix": {
                    "substituters": [{"url": "https://cache.example.org", "key": KEY}],
                    "netrc": ref,
                },
            }
        },
    }


OP = {"op": "op://home/item/field"}
PATH = {"path": "/run/agenix/it"}
SWAPPED = {**OP, "path": None}


def test_a_host_fetches_its_own_secrets_from_1password() -> None:
    files = build.render(stack(OP, PATH))
    nas, pi = files["nas"], files["pi"]
    fetched = "/run/homelab/fetched"
    assert f'privateKeyFile = "{fetched}/vpn/privado"' in nas["vpn-killswitch.nix"]
    assert f'netrc-file = "{fetched}/nix/netrc"' in nas["nix.nix"]
    assert f"{fetched}/ntfy/topic" in pi["monitoring.nix"]
    assert f'DESEC_TOKEN_FILE = "{fetched}/acme/desec-token"' in pi["certificates.nix"]
    units = nas["fetched-secrets.nix"] + pi["fetched-secrets.nix"]
    for group in ("vpn", "nix", "ntfy", "acme"):
        assert f"systemd.services.homelab-secrets-{group} = {{" in units
    assert "place_file privado root 0400 op://home/item/field" in units
    assert "onepassword-token" in nas["secrets.nix"]


def test_the_tunnel_waits_for_its_key_and_an_alert_asks_for_its_topic() -> None:
    units = build.render(stack(OP, PATH))["nas"]["fetched-secrets.nix"]
    tunnel = units[units.index("systemd.services.wg-quick-privado") :]
    assert 'requires = [ "homelab-secrets-vpn.service" ]' in tunnel
    units = build.render(stack(OP, PATH))["pi"]["fetched-secrets.nix"]
    alert = units[units.index('systemd.services."notify@"') :]
    assert 'wants = [ "homelab-secrets-ntfy.service" ]' in alert


def test_units_that_read_a_secret_now_and_then_do_not_wait_for_it() -> None:
    """A host must build and deploy while 1Password does not answer."""
    units = build.render(stack(OP, PATH))
    nix = units["nas"]["fetched-secrets.nix"]
    unit = nix[nix.index("systemd.services.homelab-secrets-nix") :]
    assert "RemainAfterExit = true;" in unit
    assert 'wantedBy = [ "multi-user.target" ];' in unit
    assert "systemd.services.nix-daemon" not in nix
    acme = units["pi"]["fetched-secrets.nix"]
    assert '"acme-home.example.org.service"' in acme


def test_a_file_of_a_module_is_read_where_it_is() -> None:
    files = build.render(stack(PATH, PATH))
    nas, pi = files["nas"], files["pi"]
    assert 'privateKeyFile = "/run/agenix/it"' in nas["vpn-killswitch.nix"]
    assert 'netrc-file = "/run/agenix/it"' in nas["nix.nix"]
    assert 'secretsFile = "/run/agenix/it"' in nas["network.nix"]
    assert 'hashedPasswordFile = "/run/agenix/it"' in nas["password.nix"]
    assert 'DESEC_TOKEN_FILE = "/run/agenix/it"' in pi["certificates.nix"]
    assert "open 300 sam /run/agenix/it" in nas["recovery.nix"]
    # Only the topic becomes a variable, and nothing is fetched.
    assert "fetched-secrets.nix" not in nas
    units = pi["fetched-secrets.nix"]
    assert '"topic:/run/agenix/it"' in units
    assert "_1password" not in units
    stored = "".join(text for name, text in nas.items() if name == "secrets.nix")
    assert all(word not in stored for word in ("vpn", "netrc", "wifi", "password"))


def test_each_is_in_the_list_of_secrets() -> None:
    plan = build.plan(stack(OP, PATH))
    rows = {(r.host, r.name): (r.source, r.key) for r in inventory(plan, {})}
    assert rows["nas", "vpn-privado"] == ("1password", "op://home/item/field")
    assert rows["nas", "wifi-psk"] == ("file", "/run/agenix/it")
    assert not build.found(stack(OP, PATH), "secret-known")


@pytest.mark.parametrize(
    "change",
    [
        {"site": {"owner": {"password": SWAPPED}}},
        {"hosts": {"nas": {"wifi": {"psk": SWAPPED}}}},
        {"hosts": {"nas": {"ssh": {"recovery": {"password": SWAPPED}}}}},
    ],
)
def test_what_a_host_needs_before_the_network_is_not_in_1password(change: dict[str, Any]) -> None:
    whole = changed(stack(OP, PATH), change)
    with pytest.raises(Exception, match="needs it before it can reach 1Password"):
        build.plan(whole)
