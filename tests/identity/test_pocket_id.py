"""Pocket ID with oauth2-proxy: passkeys, the auth proxy, and its client in Pocket ID."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household
from tests.tools.programs import need

PASSKEYS: Changes = {
    "identity": {"provider": "pocket-id", "users": None, "api_key": {"sops": "pocket-id/api-key"}},
    "services": {"navidrome": {"host": "aurora", "name": "music"}},
}
KEY = 'a"key'


def rendered(*more: Changes) -> dict[str, str]:
    return build.render(household(PASSKEYS, *more))["pi"]


@pytest.mark.requirement("S4-17")
def test_a_limit_that_pocket_id_does_not_apply_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="Pocket ID has no limit for inactivity"):
        rendered({"identity": {"session": {"inactivity": "1h"}}})
    # The default of a limit that only Authelia applies does not bound the others.
    short: Changes = {"identity": {"session": {"expiration": "1h"}}}
    assert "session-bounds" not in {p.check for p in build.problems(household(PASSKEYS, short))}


@pytest.mark.requirement("S4-16")
def test_changing_the_provider_changes_sign_in_files_alone() -> None:
    """Routes, names and apps are unchanged."""
    authelia: Changes = {"services": PASSKEYS["services"]}
    before, after = build.render(household(authelia)), build.render(household(PASSKEYS))
    changed = {
        (host, path)
        for host in before
        for path in {*before[host], *after[host]}
        if before[host].get(path) != after[host].get(path)
    }
    # The backup host names each repository by its service.
    elsewhere = {(host, file) for host, file in changed if host != "pi"}
    assert elsewhere == {("aurora", "backup-stores.nix"), ("aurora", "release-id.nix")}
    changed -= elsewhere
    assert {file for _, file in changed} >= {"identity.nix", "auth-proxy.nix", "proxy.nix"}
    assert not {file for _, file in changed} & {"dns.nix", "firewall.nix", "certificates.nix"}
    first, second = build.plan(household(authelia)), build.plan(household(PASSKEYS))
    assert [r for r in first.routes if r.service == "navidrome"] == [
        r for r in second.routes if r.service == "navidrome"
    ]


@pytest.mark.requirement("S4-16")
def test_passkeys_belong_to_one_name_and_the_auth_proxy_calls_its_own_host() -> None:
    """The auth proxy starts without DNS and certificates."""
    files = rendered()
    assert 'APP_URL = "https://auth.home.example.org";' in files["identity.nix"]
    gate = files["auth-proxy.nix"]
    assert 'oidcIssuerUrl = "https://auth.home.example.org";' in gate
    assert 'redeemURL = "http://127.0.0.1:1411/api/oidc/token";' in gate
    assert "skip-oidc-discovery = true;" in gate
    assert "clientSecret" not in gate
    assert 'ConditionPathExists = "/var/lib/homelab-gate/gate.env";' in gate


@pytest.mark.requirement("S4-17")
def test_every_name_behind_sign_in_is_a_callback() -> None:
    """A new route behind sign-in adds its callback, also for the internet."""
    published: Changes = {
        "services": {"navidrome": {"publish": "tunnel"}, "pocket-id": {"publish": "tunnel"}}
    }
    client = json.loads(rendered(published)["lib/pocket-id-client.json"])
    assert client["callbackURLs"] == [
        "https://music-home.example.org/oauth2/callback",
        "https://music.home.example.org/oauth2/callback",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identity": {"users": {"sops": "a/b"}}}, "leave users out"),
        ({"identity": {"directory": {"base_dn": "dc=a"}}}, "leave directory out"),
        (
            {"identity": {"rules": [{"priority": 1, "route": "x", "policy": "bypass"}]}},
            "leave rules out",
        ),
    ],
)
@pytest.mark.requirement("T2")
def test_a_feature_that_pocket_id_lacks_is_refused(changes: Changes, words: str) -> None:
    with pytest.raises(Exception, match=words):
        build.stack_config(household(PASSKEYS, changes))


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({"users": None}, "write users or directory"),
        ({"directory": {"base_dn": "dc=a"}}, "write users or directory"),
        ({"api_key": {"sops": "a/b"}}, "api_key is for pocket-id"),
    ],
)
@pytest.mark.requirement("S0-28", "S1-06")
def test_authelia_has_one_source_of_users(identity: Changes, words: str) -> None:
    with pytest.raises(Exception, match=words):
        build.stack_config(household({"identity": identity}))


class _Api(BaseHTTPRequestHandler):
    """A stub of Pocket ID's API, for the client of the auth proxy."""

    protocol_version = "HTTP/1.1"
    clients: dict[str, dict[str, object]]
    old: bool
    secrets = 0

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.removeprefix("/api/oidc/clients").strip("/")
        if self.headers.get("X-API-KEY") != KEY:
            self._say(401, {"error": "You are not signed in"})
        elif self.command == "POST" and not path:
            client = json.loads(body)
            self.clients[client["id"]] = client
            self._say(201, client)
        elif path.endswith("/secrets" if not self.old else "/secret"):
            type(self).secrets += 1
            self._say(201, {"secret": f"made-{self.secrets}"})
        elif path not in self.clients:
            self._say(404, {"error": "not found"})
        else:
            if self.command == "PUT":
                self.clients[path] = json.loads(body)
            self._say(200, self.clients[path])

    def _say(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def api(*, old: bool = False) -> Iterator[tuple[str, dict[str, dict[str, object]]]]:
    """A stub API. Yields its address and its clients."""
    clients: dict[str, dict[str, object]] = {}
    handler = type("Api", (_Api,), {"clients": clients, "old": old, "secrets": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", clients
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Host:
    """The files of a host, and the script that runs there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "bin").mkdir()
        systemctl = directory / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >>{directory}/systemctl.log\n')
        systemctl.chmod(0o755)
        (directory / "key").write_text(KEY)
        (directory / "cookie").write_text("OAUTH2_PROXY_COOKIE_SECRET=c\n")

    def run(self, address: str, client: str) -> subprocess.CompletedProcess[str]:
        need("curl")
        need("jq")
        d = self.directory
        (d / "client.json").write_text(client)
        script = build.ROOT / "homelab/identity/pocket-id-client.sh"
        functions = str(script.parent / "pocket-id-api.sh")
        words = ["client.json", address, "key", "cookie", "gate.env", functions]
        return subprocess.run(
            ["bash", "-c", f'set -euo pipefail; . {script} "$@"', "bash", *words],
            cwd=d,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{d}/bin:{os.environ['PATH']}"},
        )

    @property
    def gate(self) -> str:
        path = self.directory / "gate.env"
        return path.read_text() if path.exists() else ""

    @property
    def restarts(self) -> int:
        path = self.directory / "systemctl.log"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.requirement("S4-16", "S4-17")
def test_the_client_is_registered_once_and_kept_up_to_date(tmp_path: Path, old: bool) -> None:
    """One secret, created once. New callbacks are registered without a restart."""
    host = Host(tmp_path)
    client = rendered()["lib/pocket-id-client.json"]
    with api(old=old) as (address, clients):
        first = host.run(address, client)
        assert first.returncode == 0, first.stderr
        secret = "OAUTH2_PROXY_COOKIE_SECRET=c\nOAUTH2_PROXY_CLIENT_SECRET=made-1\n"
        assert (host.gate, host.restarts) == (secret, 1)
        more = json.dumps({**json.loads(client), "callbackURLs": ["https://new/oauth2/callback"]})
        second = host.run(address, more)
        assert second.returncode == 0, second.stderr
        assert (host.gate, host.restarts) == (secret, 1)
        assert clients["gate"]["callbackURLs"] == ["https://new/oauth2/callback"]
    assert KEY not in first.stdout + first.stderr + second.stdout + second.stderr


@pytest.mark.requirement("S4-16")
def test_a_lost_client_is_registered_again(tmp_path: Path) -> None:
    """Secrets of the earlier instance are invalid; a rotated cookie secret is applied."""
    host = Host(tmp_path)
    client = rendered()["lib/pocket-id-client.json"]
    with api() as (address, clients):
        assert host.run(address, client).returncode == 0
        clients.clear()
        assert host.run(address, client).returncode == 0
        assert "OAUTH2_PROXY_CLIENT_SECRET=made-2" in host.gate
        (tmp_path / "cookie").write_text("OAUTH2_PROXY_COOKIE_SECRET=d\n")
        assert host.run(address, client).returncode == 0
        assert host.gate == ("OAUTH2_PROXY_COOKIE_SECRET=d\nOAUTH2_PROXY_CLIENT_SECRET=made-2\n")
        assert host.restarts == 3


@pytest.mark.requirement("S4-16")
def test_without_a_valid_api_key_nothing_fails_and_access_stays_closed(tmp_path: Path) -> None:
    """The API key is created in Pocket ID after the deployment."""
    host = Host(tmp_path)
    client = rendered()["lib/pocket-id-client.json"]
    with api() as (address, clients):
        (tmp_path / "key").write_text("another")
        refused = host.run(address, client)
        assert (refused.returncode, host.gate, clients) == (0, "", {})
        assert "create one in its settings" in refused.stderr
        (tmp_path / "key").write_text("")
        assert "there is no key" in host.run(address, client).stderr
    (tmp_path / "key").write_text(KEY)
    gone = host.run(address, client)
    assert (gone.returncode, host.gate) == (0, "")
    assert "does not answer yet" in gone.stderr
