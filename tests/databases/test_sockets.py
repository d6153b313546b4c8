"""A unit has databases on its host, over sockets: owned by its user, dumped, there at its start."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

PLACE = "databases.nix"


def wiki(
    *databases: str, release: str = "25.11", extensions: list[str] | None = None, **unit: object
) -> Changes:
    stated = {"package": "hello", "command": ["hello"], **unit}
    named: object = [*databases]
    if extensions is not None:
        named = {kind: {"extensions": extensions} for kind in databases}
    service = {
        "host": "nas",
        "state": ["/var/lib/private/wiki"],
        "unit": stated,
        "databases": named,
    }
    if "user" in unit:
        service["state"] = ["/var/lib/wiki"]
    return {
        "services": {"wiki": service},
        "nixpkgs": {"default": {"release": release}},
    }


def nix(changes: Changes) -> str:
    return " ".join(build.render(changes)["nas"][PLACE].split())


@pytest.mark.parametrize(("user", "role"), [({}, "wiki"), ({"user": "writer"}, "writer")])
def test_the_role_of_its_database_is_the_user_of_the_unit(user: Changes, role: str) -> None:
    text = nix(wiki("postgresql", **user))
    assert f'ensureDatabases = [ "{role}" ];' in text
    assert f'ensureUsers = [ {{ ensureDBOwnership = true; name = "{role}"; }} ];' in text
    maria = nix(wiki("mysql", **user))
    assert f'ensurePermissions."`{role}`.*" = "ALL PRIVILEGES"; name = "{role}";' in maria


def test_mariadb_does_not_listen_on_the_network() -> None:
    assert 'settings.mysqld.bind-address = "127.0.0.1";' in nix(wiki("mysql"))


def test_redis_is_an_instance_of_its_own_whose_socket_the_unit_may_open() -> None:
    text = nix(wiki("redis"))
    assert "services.redis.servers.wiki = { enable = true; port = 0; };" in text
    assert 'SupplementaryGroups = [ "redis-wiki" ];' in text


@pytest.mark.parametrize(
    ("database", "release", "unit"),
    [
        ("postgresql", "25.05", "postgresql.service"),
        ("postgresql", "25.11", "postgresql.target"),
        ("mysql", "25.11", "mysql.service"),
        ("redis", "25.11", "redis-wiki.service"),
    ],
)
def test_the_unit_starts_when_its_database_exists(database: str, release: str, unit: str) -> None:
    text = nix(wiki(database, release=release))
    assert f'after = [ "{unit}" ];' in text
    assert f'requires = [ "{unit}" ];' in text


def test_extensions_exist_before_the_unit_starts() -> None:
    text = nix(wiki("postgresql", extensions=["pg_trgm", "uuid-ossp"]))
    assert 'requires = [ "wiki-extensions.service" ];' in text
    assert 'User = "postgres";' in text
    assert ". ${./lib/database-extensions.sh} wiki pg_trgm uuid-ossp" in text


@pytest.mark.parametrize("database", ["postgresql", "mysql"])
def test_a_database_is_dumped_before_each_backup(database: str) -> None:
    target = {"kind": "local", "host": "nas", "path": "/srv/restic"}
    changes = testing.merged(wiki(database), {"backup": {"targets": {"b": target}}})
    plan = build.plan(changes)
    (job,) = [j for j in plan.backup.jobs if j.host == "nas"]
    if database == "postgresql":
        assert job.postgresql == ("wiki",)
    else:
        assert [c.file for c in job.commands] == ["/var/backup/dumps/wiki/mysql-wiki.sql"]
    (service,) = [s for s in plan.services if s.name == "wiki"]
    assert service.entry.database == database


def test_a_unit_without_databases_has_none() -> None:
    assert PLACE not in build.render(wiki())["nas"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (wiki("mysql", extensions=["pg_trgm"]), "mysql.extensions: there is no such key"),
        (wiki("redis", "redis"), "one of them twice"),
        (wiki("postgresql", user="postgres"), "postgres administers the databases"),
        (wiki("postgresql", extensions=['x"; DROP']), "not an extension of PostgreSQL"),
    ],
)
def test_databases_that_a_unit_cannot_have_are_refused(changes: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(changes)
