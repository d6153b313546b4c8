"""What protects an app or a host is not switched off unnoticed, whichever way it is written."""

from __future__ import annotations

import pytest

from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from homelab.openings.no_sign_in import OPEN
from homelab.problems import Problem
from tests import build
from tests.backup.test_rest_server import stack as rest
from tests.openings.careless import DIGEST, OPTIONS
from tests.site.ways_out.stacks import both

Changes = dict[str, object]
IDENTITY: Changes = {"identity": {"host": "pi", "users": {"sops": "a/b"}}}


def told(line: str, changes: Changes) -> list[Problem]:
    plan = build.plan(both(changes, {"hosts": {"nas": {"modules": ["own.nix"]}}}))
    return list(check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"}))


def test_each_app_of_the_table_has_a_line_that_opens_it() -> None:
    said = str(OPTIONS["option-opens"])
    # Servarr's apps have the same settings: three of them are in the table.
    modules = {path.split(".")[1] for path in OPEN} - {"lidarr", "readarr", "whisparr"}
    assert sorted(m for m in modules if f"services.{m}." not in said and m not in said) == []


def test_an_app_behind_the_auth_proxy_needs_no_sign_in_of_its_own() -> None:
    line = 'services.sonarr.settings.auth.method = "External";'
    (problem,) = told(line, {"services": {"sonarr": {"host": "nas"}}})
    assert "hosts.nas.accept: {no-password: …}" in problem.way_out
    behind = both(IDENTITY, {"services": {"sonarr": {"host": "nas", "auth": "forward"}}})
    assert told(line, behind) == []


@pytest.mark.parametrize("user", ["admin", "sam"])
def test_a_user_who_is_signed_in_for_everybody_is_told_of_by_any_name(user: str) -> None:
    option = "services.paperless.settings.PAPERLESS_AUTO_LOGIN_USERNAME"
    paperless: Changes = {"host": "nas", "options": {option: user}}
    found = build.found({"services": {"paperless": paperless}}, "grafana-auth-scope")
    assert [f"{option}: {user} makes everybody" in p.what for p in found] == [True]
    (problem,) = told(f'{option} = "{user}";', {"services": {"paperless": {"host": "nas"}}})
    assert problem.severity == "error"
    assert "is an administrator of paperless" in problem.what
    route = {"name": "x", "auth": "forward", "policy": "two_factor", "groups": ["admins"]}
    closed = both(IDENTITY, {"services": {"paperless": {"host": "nas", "routes": [route]}}})
    assert told(f'{option} = "{user}";', closed) == []


def test_an_administrator_for_everybody_in_a_container_of_the_stack() -> None:
    image = DIGEST.replace("a/b", "open-webui/open-webui")
    said = {"image": image, "port": 8080, "environment": {"WEBUI_AUTH": "False"}}
    chat: Changes = {"host": "nas", "audience": "family", "container": said}
    (problem,) = run_checks(build.plan({"services": {"chat": chat}}), ["option-opens"])
    assert problem.where == "services.chat.container.environment.WEBUI_AUTH"
    assert "everybody who passes chat.home.example.org is an administrator" in problem.what


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("services.restic.server.appendOnly = lib.mkForce false;", True),
        ('services.restic.server.extraFlags = [ "--no-auth" ];', True),
        ('services.restic.server.extraFlags = [ "--debug" ];', False),
        ("services.restic.server.htpasswd-file = null;", True),
        ("services.restic.server.enable = lib.mkForce false;", True),
        ("services.restic.server.appendOnly = true;", False),
    ],
)
def test_the_server_of_backups_asks_who_comes_and_deletes_nothing(line: str, is_told: bool) -> None:
    plan = build.plan(both(rest(), {"hosts": {"nas": {"modules": ["own.nix"]}}}))
    found = check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"})
    what = ["the server of the target web is not what the plan says" in p.what for p in found]
    assert what == [True] * is_told
    assert told(line, {}) == []


@pytest.mark.parametrize(("unit", "is_told"), [("gatus", True), ("other", False)])
def test_the_sandbox_of_a_unit_is_not_left_to_nixpkgs(unit: str, is_told: bool) -> None:
    gatus: Changes = {"services": {"gatus": {"host": "nas"}}}
    found = told(f"homelab.hardening.units.{unit}.baseline = false;", gatus)
    assert ["only the sandbox of its nixpkgs module" in p.what for p in found] == [True] * is_told
    assert told(f"homelab.hardening.units.{unit}.baseline = true;", gatus) == []
    found = told(f"homelab.hardening.units.{unit}.ProtectHome = null;", gatus)
    assert ["is null, so gatus.service may see home" in p.what for p in found] == [True] * is_told


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("services.fail2ban.enable = false;", True),
        ('services.fail2ban.ignoreIP = [ "0.0.0.0/0" ];', True),
        ('services.fail2ban.ignoreIP = [ "192.168.7.0/24" ];', False),
    ],
)
def test_bans_that_the_stack_asks_for_hold(line: str, is_told: bool) -> None:
    asked: Changes = {"hosts": {"nas": {"fail2ban": {}}}}
    assert ["is not blocked" in p.what for p in told(line, asked)] == [True] * is_told
    assert told(line, {}) == []
