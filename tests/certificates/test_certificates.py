"""Issuers of certificates: another DNS provider, an own authority, or none."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab.certificates.root import check_root, root_ends
from homelab.problems import InvalidStackError, Problem
from homelab.proxy.registry import PROXIES
from tests import build
from tests.certificates.authority import authority

DESEC = {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}}}
INTERNAL = {"provider": "internal", "root": "ca/root.crt", "key": {"sops": "ca/key"}}


def stack(
    acme: dict[str, object] | None, *, proxy: str = "caddy", cloudflare: bool = False
) -> dict[str, object]:
    changes: dict[str, object] = {
        "network": {"entry": {"proxy": proxy, **({"acme": acme} if acme else {})}},
        "services": {"gatus": {"host": "pi", "name": "music"}},
    }
    return changes if cloudflare else {**changes, "cloudflare": None}


@pytest.mark.requirement("S0-16")
def test_names_without_an_issuer_are_refused() -> None:
    """Otherwise the proxies would read files that nothing creates."""
    for proxy in PROXIES:
        (problem,) = build.found(stack(None, proxy=proxy), "certificate-issuer")
        assert "*.home.example.org" in problem.what
        for way in ("provider: internal", "provider: desec", "homelab:cloudflare"):
            assert way in problem.way_out
    for acme in (DESEC, INTERNAL):
        assert build.found(stack(acme), "certificate-issuer") == []
    assert build.found(stack(None, cloudflare=True), "certificate-issuer") == []


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("cloudflare", [True, False])
def test_any_provider_of_lego_validates_the_names_with_its_own_credentials(
    proxy: str, *, cloudflare: bool
) -> None:
    said = {
        "provider": "ovh",
        "credentials": {"OVH_CONSUMER_KEY": {"sops": "ovh/key"}},
        "settings": {"OVH_ENDPOINT": "ovh-eu"},
        "resolver": "9.9.9.9:53",
    }
    changes = stack(said, proxy=proxy, cloudflare=cloudflare)
    assert [p for p in build.problems(changes) if p.severity == "error"] == []
    files = build.render(changes)["pi"]
    text = files["certificates.nix"]
    assert 'dnsProvider = "ovh";' in text
    assert 'OVH_CONSUMER_KEY_FILE = "/run/secrets/acme-ovh-consumer-key";' in text
    assert "environmentFile = ./lib/acme.env;" in text
    assert files["lib/acme.env"] == "OVH_ENDPOINT=ovh-eu\n"
    assert '"9.9.9.9:53"' in text
    assert f'group = "{proxy}";' in text
    # Nothing is requested from Cloudflare.
    cloud = build.plan(changes).cloudflare
    assert cloud is None or cloud.tokens == ()
    keys = {s.key for s in build.plan(changes).secrets.on("pi")}
    assert "ovh/key" in keys
    assert not [s for s in build.plan(changes).secrets.on("pi") if s.source == "issued"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_an_own_authority_signs_for_each_proxy(proxy: str) -> None:
    changes = stack(INTERNAL, proxy=proxy)
    assert [p for p in build.problems(changes) if p.severity == "error"] == []
    hosts = build.render(changes)
    entry = hosts["pi"]
    held = "/var/lib/homelab-certificates/home.example.org"
    assert f"{held}/fullchain.pem" in entry["proxy.nix"]
    assert f"{held}/key.pem" in entry["proxy.nix"]
    assert "useACMEHost" not in entry["proxy.nix"]
    assert "security.acme" not in "".join(entry.values())
    signed = entry["certificates.nix"]
    assert "vouch home.example.org '*.home.example.org' music.home.example.org" in signed
    assert f"sign ${{./ca/root.crt}} {proxy} {proxy}.service" in signed
    assert 'LoadCredential = [ "key:/run/secrets/authority-key" ];' in signed


def test_every_host_trusts_the_root_and_one_has_its_key() -> None:
    hosts = build.render(stack(INTERNAL))
    for files in hosts.values():
        assert "certificateFiles = [ ./ca/root.crt ];" in files["trust.nix"]
        # These read a list of authorities of their own unless told of the system's.
        for variable in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            assert f'{variable} = "/etc/ssl/certs/ca-bundle.crt";' in files["trust.nix"]
        assert files["ca/root.crt"].startswith("-----BEGIN CERTIFICATE-----")
    holders = {s.host for s in build.plan(stack(INTERNAL)).secrets.secrets if s.key == "ca/key"}
    assert holders == {"pi"}
    assert "certificates.nix" not in hosts["nas"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_root_is_served_on_plain_http_under_its_own_name(proxy: str) -> None:
    files = build.render(stack(INTERNAL, proxy=proxy))["pi"]
    assert '"ca.home.example.org" = "192.168.1.2";' in files["dns.nix"]
    assert "ca.home.example.org" in files["proxy.nix"]
    assert "127.0.0.1:8181" in files["proxy.nix"]
    assert 'listen = "127.0.0.1:8181";' in files["certificates.nix"]
    assert 'href="/root.crt"' in files["ca/index.html"]
    for system in ("iPhone", "Android", "macOS", "Windows", "Linux", "Firefox"):
        assert system in files["ca/index.html"]
    assert "<script" not in files["ca/index.html"]


def test_no_service_can_have_the_name_of_that_page() -> None:
    changes = stack(INTERNAL) | {"services": {"gatus": {"host": "pi", "name": "ca"}}}
    (problem,) = build.found(changes, "authority-page")
    assert problem.where == "services.gatus.name"
    assert build.found(stack(INTERNAL), "authority-page") == []


def test_limits_of_a_token_that_is_not_created_are_refused() -> None:
    changes = stack(DESEC, cloudflare=True) | {"cloudflare": {"acme": {"until": "2030-01-01"}}}
    (problem,) = build.found(changes, "acme-token-unused")
    assert problem.where == "cloudflare.acme.until"


def test_a_container_that_calls_the_provider_gets_a_warning_about_the_authority() -> None:
    draw = {
        "host": "nas",
        "auth": "oidc",
        "container": {"image": "docker.io/x/draw:1@sha256:" + "0" * 64, "port": 80},
        "port": 8088,
    }
    changes = stack(INTERNAL) | {"services": {"draw": draw}}
    (problem,) = build.found(changes, "authority-container")
    assert problem.severity == "warning"
    assert build.found(changes | {"network": {"entry": {"acme": DESEC}}}, problem.check) == []


@pytest.mark.parametrize(
    ("acme", "words"),
    [
        ({"provider": "desec"}, "DESEC_TOKEN"),
        ({"provider": "internal"}, "root: ca/root.crt"),
        ({**INTERNAL, "credentials": {"A_KEY": {"sops": "a"}}}, "credentials belongs to"),
        ({**DESEC, "root": "ca/root.crt"}, "root belongs to provider: internal"),
        ({**DESEC, "settings": {"A_B": "x\ny"}}, "settings"),
        ({**DESEC, "provider": "Desec Inc"}, "provider"),
    ],
)
def test_a_field_of_another_issuer_is_refused(acme: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidStackError) as error:
        build.stack_config(stack(acme))
    assert words in str(error.value)


def _checked(pem: str) -> list[Problem]:
    plan = build.plan(stack(INTERNAL))
    return list(check_root(plan, {"ca/root.crt": pem}))


def test_a_root_for_the_names_at_home_passes() -> None:
    assert _checked(authority("home.example.org")[0]) == []
    assert _checked(authority("example.org")[0]) == []


@pytest.mark.parametrize(
    ("pem", "words", "severity"),
    [
        (authority("example.com")[0], "not for home.example.org", "error"),
        (authority()[0], "every name on the internet", "warning"),
        (authority("home.example.org", is_authority=False)[0], "not the certificate of", "error"),
        ("".join(authority("home.example.org")), "private key in plain text", "error"),
        (authority("home.example.org")[0] * 2, "not one certificate", "error"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not one", "error"),
        ("", "not one certificate", "error"),
    ],
)
def test_a_root_that_devices_should_not_trust_is_refused(
    pem: str, words: str, severity: str
) -> None:
    (problem,) = _checked(pem)
    assert words in problem.what
    assert problem.severity == severity
    assert problem.way_out


@pytest.mark.parametrize(("later", "severity"), [(0, ""), (60, "warning"), (101, "error")])
def test_the_end_of_the_root_is_reported_three_months_before(later: int, severity: str) -> None:
    pem, _ = authority("home.example.org", days=100)
    day = (datetime.now(UTC) + timedelta(days=later)).date().isoformat()
    found = list(root_ends(build.plan(stack(INTERNAL)), {"ca/root.crt": pem}, day))
    assert [p.severity for p in found] == ([severity] if severity else [])


# --- the script that signs -----------------------------------------------------------------------


@pytest.fixture
def signer(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    pem, key = authority("home.example.org")
    (tmp_path / "root.crt").write_text(pem)
    (tmp_path / "key").write_text(key)
    (tmp_path / "held").mkdir()
    return tmp_path


def sign(at: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run the script with the root and the key in a directory. Certificates are written to
    `held`."""
    script = build.ROOT / "homelab/certificates/issue.sh"
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        'systemctl() { echo "systemctl $*"; }',
        f". {script}",
        f"sign {at}/root.crt {group} caddy.service {at}/held",
        f"vouch home.example.org '*.home.example.org' {' '.join(names)}",
        "tell",
    ]
    return subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(at)},
        capture_output=True,
        text=True,
        check=False,
    )


def _openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_signed_certificate_is_a_server_certificate_for_each_name(signer: Path) -> None:
    done = sign(signer, "music.home.example.org")
    assert done.returncode == 0, done.stderr
    assert "try-reload-or-restart caddy.service" in done.stdout
    held = signer / "held/home.example.org"
    for name in ("music.home.example.org", "other.home.example.org"):
        _openssl(
            "verify", "-CAfile", f"{signer}/root.crt", "-purpose", "sslserver",
            "-verify_hostname", name, f"{held}/cert.pem",
        )  # fmt: skip
    assert _openssl("pkey", "-in", f"{held}/key.pem", "-pubout") == _openssl(
        "x509", "-in", f"{held}/cert.pem", "-noout", "-pubkey"
    )
    assert (held.resolve() / "key.pem").stat().st_mode & 0o007 == 0


def test_a_certificate_valid_for_a_month_is_kept_without_a_restart(signer: Path) -> None:
    sign(signer, "music.home.example.org")
    held = signer / "held/home.example.org"
    before = (held / "cert.pem").read_bytes()
    again = sign(signer, "music.home.example.org")
    assert (again.returncode, again.stdout) == (0, "")
    assert (held / "cert.pem").read_bytes() == before


def test_another_name_gives_a_new_certificate_and_removes_the_old_one(signer: Path) -> None:
    sign(signer, "music.home.example.org")
    held = signer / "held/home.example.org"
    before = held.resolve()
    done = sign(signer, "music.home.example.org", "photos.home.example.org")
    assert "try-reload" in done.stdout
    assert not before.exists()
    told = _openssl("x509", "-in", f"{held}/cert.pem", "-noout", "-ext", "subjectAltName")
    assert "photos.home.example.org" in told


def test_another_root_gives_a_new_certificate(signer: Path) -> None:
    sign(signer, "music.home.example.org")
    before = (signer / "held/home.example.org/cert.pem").read_bytes()
    pem, key = authority("home.example.org", "example.org")
    (signer / "root.crt").write_text(pem)
    (signer / "key").write_text(key)
    assert sign(signer, "music.home.example.org").returncode == 0
    assert (signer / "held/home.example.org/cert.pem").read_bytes() != before


def test_a_key_of_another_root_signs_nothing(signer: Path) -> None:
    (signer / "key").write_text(authority("example.com")[1])
    done = sign(signer, "music.home.example.org")
    assert done.returncode == 1
    assert "not that of the root certificate" in done.stderr
    assert list((signer / "held").iterdir()) == []


def test_a_root_that_ends_within_a_month_signs_nothing_more(signer: Path) -> None:
    pem, key = authority("home.example.org", days=20)
    (signer / "root.crt").write_text(pem)
    (signer / "key").write_text(key)
    done = sign(signer, "music.home.example.org")
    assert done.returncode == 1
    assert "expires within a month" in done.stderr


def test_shellcheck_finds_nothing_in_the_signing_script() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    script = build.ROOT / "homelab/certificates/issue.sh"
    done = subprocess.run(
        ["shellcheck", "--norc", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
