"""LLDAP as the directory, tested with a real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.household import Changes, household
from tests.programs.authelia import configured, run_with
from tests.programs.rendered import running
from tests.proxy import rig
from tests.proxy.running import await_port
from tests.tools.programs import need, need_here

BASE = "dc=example,dc=org"
CHANGES: Changes = {
    "identity": {
        "users": None,
        "groups": ["admins", "family", "friends"],
        "directory": {"kind": "lldap", "base_dn": BASE, "members": {"family": ["kim"]}},
    },
    "site": {"members": {"kim": {"email": "kim@example.org"}}},
    "services": {"navidrome": {"host": "aurora", "name": "music"}},
}


@pytest.mark.requirement("S1-06")
def test_authelia_signs_in_to_lldap_on_its_host() -> None:
    """As a user that may set passwords, and not as the administrator."""
    files = build.render(household(CHANGES))["pi"]
    text = files["identity.nix"]
    for line in (
        'implementation = "lldap";',
        'address = "ldap://127.0.0.1:3890";',
        'base_dn = "dc=example,dc=org";',
        'user = "uid=authelia,ou=people,dc=example,dc=org";',
        'after = [ "lldap.service" ];',
    ):
        assert line in text, line
    assert 'ldap_base_dn = "dc=example,dc=org";' in files["directory.nix"]
    assert 'ldap_host = "127.0.0.1";' in files["services/lldap.nix"]
    secrets = {
        s.name: (s.owner, s.purpose)
        for s in build.plan(household(CHANGES)).secrets.on("pi")
        if s.service in ("authelia", "lldap")
    }
    assert secrets["authelia-ldap"] == ("authelia-main", "lldap/ldap")
    assert secrets["lldap-ldap"] == ("root", "lldap/ldap")
    assert "lldap-owner" in secrets


@pytest.mark.requirement("S1-06")
def test_authelia_accepts_the_settings_of_lldap(tmp_path: Path) -> None:
    need_here("authelia")
    config, env = configured(build.plan(household(CHANGES)), tmp_path, 9091)
    said = run_with(env, "authelia", "config", "validate", "--config", config)
    assert said.startswith("Configuration parsed and loaded successfully without errors"), said


@pytest.mark.requirement("S1-06")
def test_the_base_dn_of_the_directory_is_asked_for_once() -> None:
    """Without the directory, the catalog's LLDAP needs the option."""
    assert not build.found(household(CHANGES), "option-demanded")
    alone: Changes = {"services": {"lldap": {"host": "pi"}}}
    (problem,) = build.found(household(alone), "option-demanded")
    assert "ldap_base_dn" in problem.what


class Unit:
    """The unit on its host: its script, with the rendered description."""

    def __init__(self, directory: Path, web: str, ldap: str) -> None:
        self.directory, self.web, self.ldap = directory, web, ldap
        for name in ("admin", "portal", "first"):
            (directory / name).write_text(f"{name}-password-1")
        (directory / "records").mkdir()

    def run(self, *changes: Changes, programs: Path | None = None) -> None:
        """Run the script; `programs` come first on PATH."""
        for program in ("curl", "jq", "ldappasswd"):
            need(program)
        d = self.directory
        spec = build.render(household(CHANGES, *changes))["pi"]["lib/people.json"]
        (d / "people.json").write_text(spec)
        script = build.ROOT / "homelab/identity/seed-lldap.sh"
        words = ["people.json", self.web, self.ldap, "admin", "portal", "first", "records"]
        done = subprocess.run(
            ["bash", "-c", f'set -euo pipefail; . {script} "$@"', "bash", *words],
            cwd=d,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{programs or d}:{os.environ['PATH']}"},
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr

    def valid(self, user: str, password: str) -> bool:
        """Whether the user signs in over LDAP with this password."""
        (self.directory / "try").write_text(password)
        name = f"uid={user},ou=people,{BASE}"
        words = ["ldapwhoami", "-x", "-H", self.ldap, "-D", name, "-y", "try"]
        done = subprocess.run(words, cwd=self.directory, capture_output=True, check=False)
        return done.returncode == 0

    def change(self, user: str, old: str, new: str) -> None:
        """The user changes their own password."""
        name = f"uid={user},ou=people,{BASE}"
        words = ["ldappasswd", "-x", "-H", self.ldap, "-D", name, "-w", old, "-s", new, name]
        subprocess.run(words, check=True, capture_output=True)

    def groups(self) -> Mapping[str, list[str]]:
        """The members of each group, as the portal reads them."""
        words = ["ldapsearch", "-LLL", "-x", "-H", self.ldap, "-y", "portal"]
        words += ["-D", f"uid=authelia,ou=people,{BASE}", "-b", f"ou=groups,{BASE}"]
        words += ["(objectClass=groupOfNames)", "cn", "member"]
        done = subprocess.run(
            words, cwd=self.directory, capture_output=True, text=True, check=False
        )
        found: dict[str, list[str]] = {}
        for entry in done.stdout.replace("\n ", "").strip().split("\n\n"):
            pairs = [line.partition(": ")[::2] for line in entry.splitlines()]
            name = next((v for k, v in pairs if k == "cn"), "")
            found[name] = sorted(v.split(",")[0][4:] for k, v in pairs if k == "member")
        return {n: m for n, m in found.items() if not n.startswith("lldap_")}


@contextmanager
def lldap(directory: Path) -> Iterator[Unit]:
    """A real LLDAP with the rendered settings of its addresses."""
    need_here("lldap")
    web, ldap = rig.free_ports(2)
    unit = Unit(directory, f"http://127.0.0.1:{web}", f"ldap://127.0.0.1:{ldap}")
    config = f"""
http_host = "127.0.0.1"
http_port = {web}
ldap_host = "127.0.0.1"
ldap_port = {ldap}
ldap_base_dn = "{BASE}"
ldap_user_pass_file = "{directory}/admin"
force_ldap_user_pass_reset = "always"
jwt_secret = "{"j" * 32}"
key_seed = "{"k" * 32}"
key_file = ""
database_url = "sqlite://{directory}/users.db?mode=rwc"
"""
    (directory / "config.toml").write_text(config)
    program = shutil.which("lldap") or ""
    log = directory / "lldap.log"
    words = [program, "run", "--config-file", str(directory / "config.toml")]
    with running(words, log, {"PATH": os.environ["PATH"]}, directory) as process:
        for port in (web, ldap):
            await_port(port, process, log)
        yield unit


@pytest.mark.requirement("S1-06")
def test_a_real_lldap_gets_the_people_and_groups(tmp_path: Path) -> None:
    """The owner has a first password. Running again changes nothing that people changed."""
    with lldap(tmp_path) as unit:
        unit.run()
        groups = {"admins": ["sam"], "family": ["kim", "sam"], "friends": ["sam"]}
        assert unit.groups() == groups
        assert unit.valid("sam", "first-password-1")
        assert unit.valid("authelia", "portal-password-1")
        assert not unit.valid("kim", "first-password-1")
        unit.change("sam", "first-password-1", "own-password-1")
        unit.run()
        assert unit.valid("sam", "own-password-1")
        assert unit.groups() == groups


@pytest.mark.requirement("S1-06")
def test_a_person_leaves_a_group_of_a_real_lldap(tmp_path: Path) -> None:
    """Only groups whose members the stack lists; a rotated password is set."""
    with lldap(tmp_path) as unit:
        unit.run()
        directory: dict[str, Any] = {"members": {"family": [], "friends": ["kim"]}}
        (tmp_path / "portal").write_text("portal-password-2")
        unit.run({"identity": {"directory": directory}})
        assert unit.groups() == {"admins": ["sam"], "family": ["sam"], "friends": ["kim", "sam"]}
        assert unit.valid("authelia", "portal-password-2")
        assert not unit.valid("authelia", "portal-password-1")


@pytest.mark.requirement("S1-06")
def test_the_portal_may_set_the_password_of_a_real_member(tmp_path: Path) -> None:
    """That is how people set a new one at the portal; the administrators' stay."""
    with lldap(tmp_path) as unit:
        unit.run()
        portal = f"uid=authelia,ou=people,{BASE}"
        words = ["ldappasswd", "-x", "-H", unit.ldap, "-D", portal, "-y", str(tmp_path / "portal")]
        kim, admin = (f"uid={name},ou=people,{BASE}" for name in ("kim", "admin"))
        subprocess.run([*words, "-s", "kims-password-1", kim], check=True, capture_output=True)
        assert unit.valid("kim", "kims-password-1")
        done = subprocess.run([*words, "-s", "x" * 12, admin], check=False, capture_output=True)
        assert done.returncode != 0
        assert unit.valid("admin", "admin-password-1")


# --- a stub of its API ---------------------------------------------------------------


class _Api(BaseHTTPRequestHandler):
    """LLDAP's GraphQL, for the requests of the script."""

    protocol_version = "HTTP/1.1"
    users: dict[str, str]
    groups: dict[str, list[str]]

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/simple/login":
            assert body == {"username": "admin", "password": "admin-password-1"}
            self._say({"token": "a-token"})
            return
        assert self.headers["Authorization"] == "Bearer a-token"
        query, given = body["query"], body["variables"]
        names = list(self.groups)
        if "createUser" in query:
            self.users[given["user"]["id"]] = given["user"]["email"]
            self._say({"data": {"createUser": {"id": given["user"]["id"]}}})
        elif "createGroup" in query:
            self.groups[given["name"]] = []
            self._say({"data": {"createGroup": {"id": len(self.groups)}}})
        elif "addUserToGroup" in query:
            self.groups[names[given["group"] - 1]].append(given["user"])
            self._say({"data": {"addUserToGroup": {"ok": True}}})
        elif "removeUserFromGroup" in query:
            self.groups[names[given["group"] - 1]].remove(given["user"])
            self._say({"data": {"removeUserFromGroup": {"ok": True}}})
        else:
            groups = [
                {"id": i + 1, "displayName": name, "users": [{"id": u} for u in self.groups[name]]}
                for i, name in enumerate(names)
            ]
            self._say({"data": {"users": [{"id": u} for u in self.users], "groups": groups}})

    def _say(self, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.mark.requirement("S1-06")
def test_the_requests_to_lldap_are_made_once(tmp_path: Path) -> None:
    """People and groups that others made stay; the first password is set once."""
    users = {"admin": "", "lee": "lee@example.net"}
    groups: dict[str, list[str]] = {
        "lldap_password_manager": [],
        "family": ["lee"],
        "choir": ["lee"],
    }
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (
        ("ldappasswd", f'echo "$*" >>{tmp_path}/passwords'),
        ("ldapwhoami", f"test -s {tmp_path}/passwords"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    facts = {"users": users, "groups": groups}
    with rig.serving(rig.Server(("127.0.0.1", 0), type("Api", (_Api,), facts))) as port:
        unit = Unit(tmp_path, f"http://127.0.0.1:{port}", "ldap://127.0.0.1:3890")
        for _ in range(2):
            unit.run(programs=programs)
            assert users == {
                "admin": "",
                "lee": "lee@example.net",
                "kim": "kim@example.org",
                "sam": "sam@example.org",
                "authelia": "authelia@home.example.org",
            }
            assert {g: sorted(m) for g, m in groups.items()} == {
                "lldap_password_manager": ["authelia"],
                "family": ["kim", "sam"],
                "choir": ["lee"],
                "admins": ["sam"],
                "friends": ["sam"],
            }
            set_ = (tmp_path / "passwords").read_text().splitlines()
            assert [line.rpartition(" ")[2] for line in set_] == [
                f"uid={name},ou=people,{BASE}" for name in ("authelia", "sam")
            ]
    assert not list((tmp_path / "records").iterdir())


def test_the_description_has_each_person_once() -> None:
    spec = json.loads(build.render(household(CHANGES))["pi"]["lib/people.json"])
    assert [p["id"] for p in spec["people"]] == ["kim", "sam", "authelia"]
    assert spec["members"] == {"family": ["kim", "sam"]}
