"""OIDC clients and the first user of Pocket ID, which a unit creates through its API."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from homelab.secrets.rotation import rotatable
from tests import build
from tests.household import Changes, household
from tests.identity.test_pocket_id import PASSKEYS
from tests.programs.rendered import running
from tests.proxy import rig
from tests.proxy.running import await_port
from tests.tools.programs import need, need_here

KEY = 'a-key-of-"sixteen"-letters'
NEWS: Changes = {"services": {"miniflux": {"host": "aurora", "name": "news", "auth": "oidc"}}}
FRIENDS: Changes = {
    "identity": {"groups": ["friends"]},
    "services": {
        "miniflux": {
            "name": None,
            "auth": None,
            "routes": [
                {"name": "news", "audience": "family", "auth": "oidc", "groups": ["friends"]}
            ],
        }
    },
}
NEW: Changes = {
    "nixpkgs": {
        "default": {"release": "26.05", "url": "github:NixOS/nixpkgs/nixos-26.05"},
    },
    "identity": {"api_key": None},
}
"""A release whose Pocket ID takes its API key from a file."""


@pytest.mark.requirement("S0-27", "S4-16")
def test_the_app_and_the_unit_have_the_same_secret() -> None:
    """It is derived: the app's host has it, and the provider's host for the unit."""
    made = household(PASSKEYS, NEWS)
    plan = build.plan(made)
    app = next(s for s in plan.secrets.on("aurora") if s.name == "miniflux-oidc")
    unit = next(s for s in plan.secrets.on("pi") if s.name == "pocket-id-oidc-news")
    assert (app.purpose, app.epoch, app.length) == (unit.purpose, unit.epoch, unit.length)
    assert not unit.hashed
    assert (unit.owner, unit.units) == ("root", ("pocket-id-apps.service",))
    both = rotatable(plan)["miniflux.oidc"]
    assert {s.host for s in both} == {"aurora", "pi"}
    text = build.render(made)["aurora"]["services/miniflux.nix"]
    assert 'OAUTH2_OIDC_DISCOVERY_ENDPOINT = "https://auth.home.example.org";' in text


@pytest.mark.requirement("S4-16")
def test_the_unit_creates_the_owner_where_a_key_exists_before_any_user() -> None:
    """In earlier releases only an administrator can create an API key."""
    spec = json.loads(build.render(household(PASSKEYS, NEW))["pi"]["lib/pocket-id-apps.json"])
    assert (spec["owner"]["username"], spec["owner"]["isAdmin"]) == ("sam", True)
    old = build.render(household(PASSKEYS, NEWS))["pi"]
    assert json.loads(old["lib/pocket-id-apps.json"])["owner"] is None
    assert "lib/pocket-id-apps.json" not in build.render(household(PASSKEYS))["pi"]


@pytest.mark.requirement("S4-16")
def test_a_portal_whose_first_visitor_is_administrator_is_not_published() -> None:
    """Where the unit creates the owner, it may be."""
    open_: Changes = {"services": {"pocket-id": {"publish": "tunnel", "public": "a portal"}}}
    found = build.found(household(PASSKEYS, open_), "first-account")
    assert [p.where for p in found] == ["services.pocket-id"]
    assert not build.found(household(PASSKEYS, NEW, open_), "first-account")


class Unit:
    """The unit on its host: its script, with the rendered description."""

    def __init__(self, directory: Path, address: str, *changes: Changes) -> None:
        self.directory, self.address = directory, address
        (directory / "key").write_text(KEY)
        (directory / "records").mkdir()
        self.describe(*changes)
        self.rotate("s3cret" * 6)

    def describe(self, *changes: Changes) -> None:
        text = build.render(household(PASSKEYS, NEW, *changes))["pi"]["lib/pocket-id-apps.json"]
        secret = self.directory / "secret"
        text = text.replace("/run/homelab/secrets/pocket-id-oidc-news", str(secret))
        (self.directory / "spec.json").write_text(text)

    def rotate(self, secret: str) -> None:
        (self.directory / "secret").write_text(secret)

    @property
    def database(self) -> Path:
        return self.directory / "data/pocket-id.db"

    def run(self) -> subprocess.CompletedProcess[str]:
        for program in ("curl", "jq", "sqlite3", "mkpasswd"):
            need(program)
        scripts = build.ROOT / "homelab/identity"
        words = ["spec.json", self.address, "key", str(self.database), "records"]
        done = subprocess.run(
            [
                *("bash", "-c", f'set -euo pipefail; . {scripts}/pocket-id-apps.sh "$@"', "bash"),
                *words,
                str(scripts / "pocket-id-api.sh"),
            ],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert KEY not in done.stdout + done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        return done


def ask(address: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """A request with the API key."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# --- the real program --------------------------------------------------------------


@contextmanager
def pocket_id(directory: Path) -> Iterator[str]:
    """A real Pocket ID with an API key. Yields its address."""
    need_here("pocket-id")
    (port,) = rig.free_ports(1)
    env = {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "APP_URL": "https://auth.home.example.org",
        "TRUST_PROXY": "true",
        "ANALYTICS_DISABLED": "true",
        "ENCRYPTION_KEY": "e" * 32,
        "STATIC_API_KEY": KEY,
        "DB_CONNECTION_STRING": str(directory / "data/pocket-id.db"),
        "UPLOAD_PATH": str(directory / "data/uploads"),
    }
    (directory / "data").mkdir(exist_ok=True)
    log = directory / "pocket-id.log"
    program = shutil.which("pocket-id") or ""
    with running([program], log, env) as process:
        await_port(port, process, log)
        yield f"http://127.0.0.1:{port}"


def refusal(address: str, secret: str) -> str:
    """What the token endpoint says of a client with this secret and an invalid code."""
    form = {
        "grant_type": "authorization_code",
        "code": "x",
        "client_id": "news",
        "client_secret": secret,
        "redirect_uri": "https://news.home.example.org/oauth2/oidc/callback",
    }
    data = urllib.parse.urlencode(form).encode()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}/api/oidc/token", data, timeout=10)
    return str(error.value.read().decode())


@pytest.mark.requirement("S0-27", "S4-16")
def test_a_real_pocket_id_accepts_the_secret_of_the_app(tmp_path: Path) -> None:
    """It belongs to the client, and a new one replaces it. Running again changes nothing."""
    with pocket_id(tmp_path) as address:
        unit = Unit(tmp_path, address, NEWS)
        first = unit.run()
        assert (first.returncode, first.stderr) == (0, "")
        status, client = ask(address, "GET", "/api/oidc/clients/news")
        assert (status, client["name"]) == (200, "Miniflux")
        assert client["callbackURLs"] == ["https://news.home.example.org/oauth2/oidc/callback"]
        good, bad = refusal(address, "s3cret" * 6), refusal(address, "another" * 6)
        assert "secret" in bad.lower()
        assert "secret" not in good.lower()
        hashes = _hash(unit)
        assert (unit.run().returncode, _hash(unit)) == (0, hashes)
        unit.rotate("n3w" * 12)
        assert unit.run().returncode == 0
        assert (refusal(address, "n3w" * 12), refusal(address, "s3cret" * 6)) == (good, bad)


@pytest.mark.requirement("S4-16")
def test_the_owner_is_the_first_user_of_a_real_pocket_id(tmp_path: Path) -> None:
    """A visitor cannot become one, and a link signs the owner in for the first time."""
    with pocket_id(tmp_path) as address:
        unit = Unit(tmp_path, address, NEWS)
        assert unit.run().returncode == 0
        visitor = {"username": "eve", "firstName": "Eve", "email": "eve@example.org"}
        assert ask(address, "POST", "/api/signup/setup", visitor)[0] == 404
        (sam,) = ask(address, "GET", "/api/users?search=sam")[1]["data"]
        assert (sam["isAdmin"], sam["email"]) == (True, "sam@example.org")
        link = tmp_path / "records/first-sign-in"
        start, _, token = link.read_text().strip().rpartition("/")
        assert start == "https://auth.home.example.org/lc"
        status, user = ask(address, "POST", f"/api/one-time-access-token/{token}", {})
        assert (status, user["username"]) == (200, "sam")
        link.unlink()
        assert unit.run().returncode == 0
        assert link.read_text() != f"{start}/{token}\n"


@pytest.mark.requirement("S4-16")
def test_another_administrator_is_noticed(tmp_path: Path) -> None:
    with pocket_id(tmp_path) as address:
        eve = {"username": "eve", "firstName": "Eve", "email": "eve@example.org"}
        assert ask(address, "POST", "/api/signup/setup", eve)[0] == 200
        unit = Unit(tmp_path, address, NEWS)
        done = unit.run()
        assert done.returncode == 0
        assert "has an administrator who is not sam" in done.stderr
        assert not (tmp_path / "records/first-sign-in").exists()
        assert ask(address, "GET", "/api/oidc/clients/news")[0] == 200


@pytest.mark.requirement("S0-27")
def test_the_groups_of_a_route_restrict_a_client_of_a_real_pocket_id(tmp_path: Path) -> None:
    """A group is created once. Without `groups` every user may sign in again."""
    with pocket_id(tmp_path) as address:
        unit = Unit(tmp_path, address, NEWS, FRIENDS)
        for _ in range(2):
            assert unit.run().returncode == 0
        client = ask(address, "GET", "/api/oidc/clients/news")[1]
        assert client["isGroupRestricted"]
        assert [g["name"] for g in client["allowedUserGroups"]] == ["friends"]
        assert len(ask(address, "GET", "/api/user-groups")[1]["data"]) == 1
        unit.describe(NEWS)
        assert unit.run().returncode == 0
        client = ask(address, "GET", "/api/oidc/clients/news")[1]
        assert (client["isGroupRestricted"], client["allowedUserGroups"]) == (False, [])


def _hash(unit: Unit) -> str:
    with sqlite3.connect(unit.database) as database:
        return str(database.execute("SELECT secret FROM oidc_clients").fetchone()[0])


# --- a stub of later releases ------------------------------------------------------


class _Api(BaseHTTPRequestHandler):
    """Clients with several secrets, as of Pocket ID 2.14."""

    protocol_version = "HTTP/1.1"
    clients: dict[str, object]
    secrets: dict[str, str]
    made = 0

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        path = self.path
        if path == "/api/signup/setup":
            self._say(404, {})
        elif path.startswith("/api/users"):
            self._say(200, {"data": [{"username": "sam", "id": "1"}]})
        elif path.endswith("/secrets"):
            self._say(200, [{"id": i, "prefix": v[:4]} for i, v in self.secrets.items()])
        else:
            self._say(200 if self.clients else 404, {})

    def do_PUT(self) -> None:
        self._body()
        self._say(200, {})

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/secrets"):
            type(self).made += 1
            self.secrets[f"id-{self.made}"] = body["secret"]
            self._say(201, {"id": f"id-{self.made}", "secret": body["secret"]})
        else:
            self.clients[body["id"]] = body
            self._say(201, body)

    def do_DELETE(self) -> None:
        del self.secrets[self.path.rpartition("/")[2]]
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _say(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.mark.requirement("S0-27")
def test_a_later_pocket_id_gets_the_secret_by_its_api(tmp_path: Path) -> None:
    """One secret remains: an old one, or one that somebody made, is not valid any more."""
    secrets: dict[str, str] = {"other": "made-in-the-web-page"}
    facts = {"clients": {}, "secrets": secrets, "made": 0}
    with rig.serving(rig.Server(("127.0.0.1", 0), type("Api", (_Api,), facts))) as port:
        unit = Unit(tmp_path, f"http://127.0.0.1:{port}", NEWS)
        for _ in range(2):
            done = unit.run()
            assert (done.returncode, done.stderr) == (0, "")
            assert secrets == {"id-1": "s3cret" * 6}
        unit.rotate("n3w" * 12)
        assert unit.run().returncode == 0
        assert secrets == {"id-2": "n3w" * 12}
    assert not (tmp_path / "records/body").exists()


@pytest.mark.requirement("S4-16")
def test_without_an_answer_nothing_is_lost(tmp_path: Path) -> None:
    """The timer runs the unit again."""
    (port,) = rig.free_ports(1)
    unit = Unit(tmp_path, f"http://127.0.0.1:{port}", NEWS)
    spec = json.loads((tmp_path / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps({**spec, "owner": None}))
    done = unit.run()
    assert (done.returncode, list((tmp_path / "records").iterdir())) == (0, [])
    assert "does not answer yet; retried in five minutes" in done.stderr
