"""Entries for documents and personal apps: closed registration, databases, sign-in, their own Nginx."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

TARGETS: Changes = {
    "targets": {"b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}}
}


def _file(name: str, **service: object) -> str:
    changes: Changes = {"services": {name: {"host": "pi", **service}}}
    return build.render(changes)["pi"][f"services/{name}.nix"]


CLOSED = [
    ("forgejo", "service.DISABLE_REGISTRATION = true;"),
    ("linkwarden", "enableRegistration = false;"),
    ("mealie", 'ALLOW_SIGNUP = "false";'),
    ("paperless", "PAPERLESS_ACCOUNT_ALLOW_SIGNUPS = false;"),
]


@pytest.mark.parametrize(("name", "line"), CLOSED, ids=[n for n, _ in CLOSED])
def test_a_visitor_cannot_make_an_account(name: str, line: str) -> None:
    assert line in _file(name)


def test_freshrss_keeps_everybodys_feeds_in_a_database_that_is_dumped() -> None:
    """With SQLite each person has a file whose name no backup knows."""
    plan = build.plan({"services": {"freshrss": {"host": "pi"}}, "backup": TARGETS})
    (job,) = [j for j in plan.backup.jobs if j.name == "freshrss"]
    assert "/var/backup/postgresql/freshrss.sql.gz" in job.paths
    text = _file("freshrss")
    assert 'type = "pgsql";' in text
    assert 'ensureDatabases = [ "freshrss" ];' in text


@pytest.mark.parametrize(
    ("release", "unit"), [("25.05", "postgresql.service"), ("25.11", "postgresql.target")]
)
def test_freshrss_is_installed_after_its_database_is_there(release: str, unit: str) -> None:
    changes: Changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {"freshrss": {"host": "pi"}},
    }
    text = build.render(changes)["pi"]["services/freshrss.nix"]
    assert f'after = [ "{unit}" ];' in text
    assert f'requires = [ "{unit}" ];' in text


@pytest.mark.parametrize("proxy", ["caddy", "nginx", "traefik"])
def test_the_nginx_of_freshrss_stays_clear_of_the_proxy(proxy: str) -> None:
    changes: Changes = {
        "services": {"freshrss": {"host": "pi"}},
        "network": {"entry": {"proxy": proxy}},
    }
    files = build.render(changes)["pi"]
    listen = files["services/freshrss.nix"].split("virtualHosts.freshrss.listen")[1]
    assert 'addr = "127.0.0.1";' in listen
    assert "port = 8085;" in listen
    assert "127.0.0.1:8085" in files["proxy.nix"]
    assert not build.found(changes, "port-unique")


def test_paperless_believes_an_identity_header_only_behind_the_auth_proxy() -> None:
    """Another visitor could send the header."""
    assert "PAPERLESS_ENABLE_HTTP_REMOTE_USER" not in _file("paperless")
    assert "PAPERLESS_ENABLE_HTTP_REMOTE_USER = true;" in _file("paperless", auth="forward")
