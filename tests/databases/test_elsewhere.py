"""A service of the catalog has its database on another host."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.backup.orphans import orphans
from homelab.catalog import ENTRIES
from homelab.catalog.options import options_of
from homelab.catalog.references import references
from homelab.config.lock import Lock
from homelab.databases.checks import database_moved
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

SERVERS = ("postgresql", "mysql")
ON_A_SERVER = sorted(n for n in ENTRIES if ENTRIES[n].database in SERVERS)
FILES = sorted(n for n in ENTRIES if ENTRIES[n].database == "sqlite")
EVERY = sorted((n, k) for n in ENTRIES for k in ENTRIES[n].database_elsewhere)
TARGET: Changes = {"backup": {"targets": {"b": {"kind": "local", "host": "nas", "path": "/srv/r"}}}}


def away(name: str, kind: str, **more: object) -> Changes:
    service = {"host": "pi", "databases": {kind: {"host": "nas"}}, **more}
    return {"services": {name: service}}


def test_every_entry_with_a_server_says_how_it_connects_to_another_host() -> None:
    assert len(ON_A_SERVER) >= 10
    for name in ON_A_SERVER:
        can = ENTRIES[name].database in ENTRIES[name].database_elsewhere
        assert can != bool(ENTRIES[name].database_fixed), name


def test_an_entry_that_cannot_says_why() -> None:
    fixed = [n for n in ON_A_SERVER if ENTRIES[n].database_fixed]
    assert fixed
    for name in fixed:
        changes = away(name, ENTRIES[name].database)
        (problem,) = build.found(changes, "database-elsewhere")
        assert ENTRIES[name].database_fixed in problem.what
        assert problem.way_out == "leave databases out"


@pytest.mark.parametrize(("name", "kind"), EVERY)
@pytest.mark.parametrize("release", ["25.11", "26.05"])
def test_its_database_is_on_the_other_host_alone(name: str, kind: str, release: str) -> None:
    """No server, no dump and no option of a local database is left on its own host; the other host
    has the database, its role, its password, its rule, its port and its dump.
    """
    pin: Changes = {"nixpkgs": {"default": {"release": release}}}
    changes = testing.merged(pin, away(name, kind), TARGET)
    plan = build.plan(changes)
    (service,) = plan.instances(name)
    (database,) = service.databases
    assert (database.host, database.kind, database.by_socket) == ("nas", kind, False)
    assert service.entry.database == "none"
    assert not {d.kind for d in service.entry.dumps} & {"sqlite", *SERVERS}
    files = build.render(changes)
    here, there = files["pi"], files["nas"]
    mine = here[f"services/{name}.nix"]
    server = {"postgresql": "services.postgresql", "mysql": "services.mysql"}[kind]
    assert not [f for f, text in here.items() if f"{server} = {{" in text and "lib/" not in f]
    made = " ".join(f'"{n}"' for n in database.names)
    assert f"ensureDatabases = [ {made} ];" in " ".join(there["databases.nix"].split())
    assert f". ${{./lib/database-password.sh}} {kind} {name}" in there["databases.nix"]
    assert f"{database.port} }} accept" in " ".join(there["firewall.nix"].split())
    # The address is in its options, and the password in none of them.
    secrets = {s.name: dict(s.env) for s in plan.secrets.on("pi")}
    assert "192.168.1.3" in mine + "".join(secrets[f"{name}-{kind}"].values())
    assert f"/run/homelab/secrets/{name}-{kind}" in mine or "/run/credentials/" in mine
    # Its units wait for no server on their own host, and try again until the other one is there.
    assert "postgresql.target" not in mine
    assert "postgresql.service" not in mine
    assert "mysql.service" not in mine
    units = here["databases.nix"]
    for unit in (*service.units, *service.entry.helpers):
        assert f"systemd.services.{unit}.serviceConfig" in units
    (job,) = [j for j in plan.backup.jobs if j.name == f"database-{name}"]
    assert job.host == "nas"
    assert [host for host, _ in job.callers] == ["pi"]


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_what_its_facts_leave_out_is_in_its_options(name: str, kind: str) -> None:
    entry = ENTRIES[name]
    fact = entry.database_elsewhere[kind]  # type: ignore[index]
    options = {p for r in ("25.11", "26.05") for p in options_of(entry, r)}
    for path in fact.without:
        assert [o for o in options if o == path or o.startswith(f"{path}.")], (name, path)
    # The password reaches it by a file or by a variable, never both.
    read = [n for v in fact.options.values() for w, n in references(v) if w == "$secret"]
    read += [v for v in fact.options.values() if "secret[" in str(v)]
    assert bool(read) != bool(fact.env) or name == "immich", name


def test_an_unchanged_service_has_its_database_on_its_own_host() -> None:
    files = build.render({"services": {"miniflux": {"host": "pi"}}})
    assert "createDatabaseLocally" not in files["pi"]["services/miniflux.nix"]
    assert "databases.nix" not in files["pi"]
    assert "databases.nix" not in files["nas"]


def test_the_variables_have_the_whole_url() -> None:
    plan = build.plan(away("miniflux", "postgresql"))
    (secret,) = [s for s in plan.secrets.on("pi") if s.name == "miniflux-postgresql"]
    assert secret.env == (
        (
            "DATABASE_URL",
            "postgresql://miniflux:{value}@192.168.1.3:5432/miniflux?sslmode=disable",
        ),
    )


def test_a_new_password_restarts_what_writes_it_into_settings() -> None:
    plan = build.plan(away("monica", "mysql"))
    (secret,) = [s for s in plan.secrets.on("pi") if s.name == "monica-mysql"]
    assert "monica-setup.service" in secret.units


def test_a_server_gets_the_packages_of_the_extensions() -> None:
    text = " ".join(build.render(away("immich", "postgresql"))["nas"]["databases.nix"].split())
    assert "extensions = lib.mkAfter (ps: [ ps.vectorchord ps.pgvector ]);" in text
    assert 'shared_preload_libraries = lib.mkAfter [ "vchord.so" ];' in text
    assert "immich unaccent uuid-ossp cube earthdistance pg_trgm vector +vchord" in text


def test_several_instances_of_an_entry_have_a_database_each() -> None:
    changes = testing.merged(
        {"services": {"miniflux": {"host": "nas"}}},
        away("news", "postgresql", service="miniflux"),
    )
    assert not build.found(changes, "database-own")
    text = build.render(changes)["nas"]["databases.nix"]
    assert 'ensureDatabases = [ "news" ];' in text


@pytest.mark.parametrize(
    ("placement", "stated", "says"),
    [
        ({}, {"postgresql": {"host": "nas"}}, "was on pi, and its data stays there"),
        ({"databases": {"postgresql": "nas"}}, None, "was on nas, and its data stays there"),
        ({"databases": {"postgresql": "nas"}}, {"postgresql": {"host": "nas"}}, ""),
        ({}, None, ""),
    ],
)
def test_a_database_that_changes_its_host_is_refused_until_it_is_copied(
    placement: dict[str, object], stated: object, says: str
) -> None:
    lock = Lock.model_validate(
        {"services": {"miniflux": {"host": "pi", "port": 8080, **placement}}}
    )
    service = {"host": "pi", **({"databases": stated} if stated else {})}
    found = [*database_moved(build.plan({"services": {"miniflux": service}}, lock))]
    assert [says in p.what for p in found] == ([True] if says else [])


def test_a_service_that_moves_leaves_its_database_where_it_is() -> None:
    lock = Lock.model_validate(
        {"services": {"wiki-js": {"host": "pi", "databases": {"postgresql": "nas"}}}}
    )
    extra: Changes = {
        "hosts": {
            "box": {**build.SMALLEST["hosts"]["nas"], "address": {"lan": "192.168.1.7"}}  # type: ignore[index]
        }
    }
    changes = testing.merged(extra, away("wiki-js", "postgresql", host="box"))
    assert not [*database_moved(build.plan(changes, lock))]


def test_facts_of_an_owner_connect_elsewhere_too() -> None:
    facts = {
        "units": ["pad"],
        "user": "pad",
        "ports": {"web": 8010},
        "state": ["/var/lib/pad"],
        "database": "postgresql",
        "dumps": [{"postgresql": "pad"}],
        "options": {"services.pad.db.local": True, "services.pad.enable": True},
        "database_elsewhere": {
            "postgresql": {
                "options": {
                    "services.pad.db.host": {"$text": "{database[postgresql].host}"},
                    "services.pad.db.passwordFile": {"$secret": "postgresql"},
                },
                "without": ["services.pad.db.local"],
            }
        },
    }
    changes: Changes = {"catalog": {"pad": facts}, **away("pad", "postgresql")}
    text = build.render(changes)["pi"]["services/pad.nix"]
    assert 'host = "192.168.1.3";' in text
    assert 'passwordFile = "/run/homelab/secrets/pad-postgresql";' in text
    assert "local" not in text
    at_home = build.render({"catalog": {"pad": facts}, "services": {"pad": {"host": "pi"}}})
    assert "local = true;" in at_home["pi"]["services/pad.nix"]
    module: Changes = {
        "services": {
            "pad": {"host": "pi", "module": facts, "databases": {"postgresql": {"host": "nas"}}}
        }
    }
    assert "local" not in build.render(module)["pi"]["services/pad.nix"]


@pytest.mark.parametrize(
    ("databases", "says"),
    [
        ({"redis": {"host": "nas"}}, "a cache on its own host"),
        (["postgresql"], "has its databases already"),
    ],
)
def test_what_a_service_of_the_catalog_has_itself_is_refused(databases: object, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan({"services": {"miniflux": {"host": "pi", "databases": databases}}})


ON_REQUEST = [n for n in FILES if ENTRIES[n].database_elsewhere]
"""Entries with a file that may have a database on a server in its place."""


def test_people_may_choose_a_server_for_what_they_use_most() -> None:
    assert {"vaultwarden", "forgejo", "grafana", "vikunja", "mealie", "n8n"} <= {*ON_REQUEST}
    assert {"sonarr", "radarr", "lidarr", "prowlarr", "home-assistant"} <= {*ON_REQUEST}


BY_SOCKET = [n for n in ON_REQUEST if ENTRIES[n].database_elsewhere["postgresql"].socket]


@pytest.mark.parametrize("name", BY_SOCKET)
def test_on_its_own_host_it_is_let_in_as_its_user(name: str) -> None:
    """No password, no port: the role of its database is the user as whom its unit runs."""
    changes: Changes = testing.merged(
        {"services": {name: {"host": "nas", "databases": {"postgresql": {"host": "nas"}}}}}, TARGET
    )
    plan = build.plan(changes)
    (service,) = plan.instances(name)
    (database,) = service.databases
    user = service.entry.user or service.units[0]
    assert (database.address, database.by_socket, database.name) == ("/run/postgresql", True, user)
    assert [(d.kind, d.source) for d in service.entry.dumps] == [("postgresql", user)]
    (job,) = [j for j in plan.backup.jobs if j.name == name]
    assert [source for _, source, _ in job.dumps] == [user]
    assert not [p for p in build.problems(changes) if "databases" in p.where]
    assert not [s for s in plan.secrets.on("nas") if "postgresql" in s.name]
    files = build.render(changes)["nas"]
    text, mine = " ".join(files["databases.nix"].split()), files[f"services/{name}.nix"]
    assert "enableTCPIP" not in text
    assert f'name = "{user}"' in text
    assert "PASSWORD" not in text + mine
    assert "/run/postgresql" in text + mine
    waits = f"{name}-databases.service" if database.further else "postgresql.target"
    assert f'after = [ "{waits}" ];' in text


def test_the_history_of_home_assistant_is_in_the_database_that_everybody_uses() -> None:
    service = {"host": "pi", "databases": {"postgresql": {"host": "pi"}}}
    files = build.render({"services": {"home-assistant": service}})["pi"]
    assert "extraPackages = ps: [ ps.psycopg2 ];" in files["services/home-assistant.nix"]
    variable = 'HOMELAB_RECORDER_URL = "postgresql://hass@/hass?host=/run/postgresql";'
    assert variable in files["databases.nix"]
    assert (
        'recorder.db_url = "!env_var HOMELAB_RECORDER_URL";'
        in (files["services/home-assistant.nix"])
    )


_OPTION = {n: f"services.{n}.user" for n in ("sonarr", "radarr", "lidarr")}
"""Modules with an option for the user. That of the others is fixed, or systemd makes it up."""


@pytest.mark.parametrize("name", BY_SOCKET)
def test_as_another_user_it_has_the_same_database_with_a_password(name: str) -> None:
    """The socket would refuse that user, as PostgreSQL's peer authentication compares names."""
    stated = {"host": "nas", "databases": {"postgresql": {"host": "nas"}}}
    changes: Changes = testing.merged({"services": {name: stated}}, TARGET)
    (as_it_is,) = build.plan(changes).instances(name)
    option = _OPTION.get(name, f"systemd.services.{as_it_is.units[0]}.serviceConfig.User")
    for value, is_other in (("keeper", True), ({"$force": "keeper"}, True), (None, False)):
        options: Changes = {"services": {name: {"options": {option: value}}}}
        plan = build.plan(testing.merged(changes, options))
        (service,) = plan.instances(name)
        (database,) = service.databases
        assert database.by_socket is not is_other
        assert database.name == as_it_is.databases[0].name
        assert service.entry.dumps == as_it_is.entry.dumps
        passwords = [s for s in plan.secrets.on("nas") if s.name == f"{name}-postgresql"]
        assert bool(passwords) is is_other
        if is_other:
            assert database.address == "127.0.0.1"


def test_the_user_that_it_has_anyway_may_be_stated() -> None:
    stated = {"host": "nas", "databases": {"postgresql": {"host": "nas"}}}
    options = {"services.sonarr.user": "sonarr", "services.sonarr.settings.log.user": "x"}
    plan = build.plan({"services": {"sonarr": {**stated, "options": options}}})
    (service,) = plan.instances("sonarr")
    assert service.databases[0].by_socket


def test_the_log_of_an_app_is_a_database_of_its_own_that_no_backup_has() -> None:
    changes = testing.merged(away("sonarr", "postgresql"), TARGET)
    plan = build.plan(changes)
    files = build.render(changes)
    text = " ".join(files["nas"]["databases.nix"].split())
    assert 'ensureDatabases = [ "sonarr" "sonarr-log" ];' in text
    assert ". ${./lib/database-owner.sh} sonarr sonarr-log" in text
    assert 'host "sonarr","sonarr-log" "sonarr" 192.168.1.' in text
    mine = files["pi"]["services/sonarr.nix"]
    assert 'logdb = "sonarr-log";' in mine
    assert 'maindb = "sonarr";' in mine
    (secret,) = [s for s in plan.secrets.on("pi") if s.name == "sonarr-postgresql"]
    assert secret.env == (("SONARR__POSTGRES__PASSWORD", "{value}"),)
    (job,) = [j for j in plan.backup.jobs if j.name == "database-sonarr"]
    assert [source for _, source, _ in job.dumps] == ["sonarr"]
    # The names of both are taken.
    again: Changes = {"services": {"sonarr-log": {"host": "pi", "service": "miniflux"}}}
    taken = testing.merged(changes, again, away("sonarr-log", "postgresql", service="miniflux"))
    assert build.found(taken, "database-own")
    assert not [*orphans(plan, "nas", [("postgresql", "sonarr-log")])]
    left = orphans(build.plan({}), "nas", [("job", "/x/sonarr/b"), ("postgresql", "sonarr-log")])
    # The backup in a place that the stack no longer has is told of as well.
    assert [o.name for o in left] == ["b: nas/sonarr", "sonarr-log"]


def test_only_postgresql_has_further_databases() -> None:
    for key, value in (("further", ["log"]), ("extensions", ["pg_trgm"])):
        facts = {"units": ["pad"], "database_elsewhere": {"mysql": {key: value}}}
        with pytest.raises(InvalidStackError, match=f"only PostgreSQL has {key}"):
            build.plan({"catalog": {"pad": facts}})


@pytest.mark.parametrize(
    ("name", "before", "now", "says"),
    [
        ("home-assistant", "nas", "pi", "is hass and would be home-assistant"),
        ("home-assistant", "pi", "nas", "is home-assistant and would be hass"),
        ("home-assistant", "nas", "nas", ""),
        ("home-assistant", "pi", "pi", ""),
        ("sonarr", "nas", "pi", ""),
        ("sonarr", "pi", "nas", ""),
    ],
)
def test_a_service_that_comes_to_its_database_or_leaves_it_finds_it_by_its_name(
    name: str, before: str, now: str, says: str
) -> None:
    """By the socket the database is called after the user, by the network after the service."""
    placement = {"host": before, "port": 8123, "databases": {"postgresql": "nas"}}
    lock = Lock.model_validate({"services": {name: placement}})
    service = {"host": now, "databases": {"postgresql": {"host": "nas"}}}
    found = [*database_moved(build.plan({"services": {name: service}}, lock))]
    assert [says in p.what for p in found] == ([True] if says else [])


@pytest.mark.parametrize("name", [n for n in ON_REQUEST if n not in BY_SOCKET])
def test_a_server_of_its_own_host_takes_the_place_of_its_file(name: str) -> None:
    changes: Changes = testing.merged(
        {"services": {name: {"host": "pi", "databases": {"postgresql": {"host": "pi"}}}}}, TARGET
    )
    plan = build.plan(changes)
    (service,) = plan.instances(name)
    (database,) = service.databases
    assert (database.host, database.address, database.by_socket) == ("pi", "127.0.0.1", False)
    assert service.entry.database == "postgresql"
    assert [(d.kind, d.source) for d in service.entry.dumps] == [("postgresql", name)]
    assert not [p for p in build.problems(changes) if "databases" in p.where]
    files = build.render(changes)
    text = files["pi"]["databases.nix"]
    assert f'ensureDatabases = [ "{name}" ];' in text
    # Nothing from outside connects, so the server keeps to the host.
    assert "enableTCPIP" not in text
    assert f'after = [ "{name}-postgresql.service" ];' in text
    secrets = {s.name: "".join(dict(s.env).values()) for s in plan.secrets.on("pi")}
    assert "127.0.0.1" in files["pi"][f"services/{name}.nix"] + secrets[f"{name}-postgresql"]
    assert not [j for j in plan.backup.jobs if j.name.startswith("database-")]


@pytest.mark.parametrize("name", [n for n in FILES if not ENTRIES[n].database_elsewhere])
def test_a_file_that_stays_says_why(name: str) -> None:
    (problem,) = build.found(away(name, "postgresql"), "database-elsewhere")
    assert "is a file, SQLite: " in problem.what


@pytest.mark.parametrize(
    ("recorded", "stated", "says"),
    [
        ({}, "pi", "was a file of its own, SQLite, and its data stays there"),
        ({}, "nas", "was a file of its own, SQLite, and its data stays there"),
        ({}, None, ""),
        ({"postgresql": "pi"}, "pi", ""),
        ({"postgresql": "pi"}, "nas", "was on pi, and its data stays there"),
        ({"postgresql": "pi"}, None, "was on pi, and its data stays there"),
        ({"postgresql": "nas"}, None, "was on nas, and its data stays there"),
    ],
)
def test_a_file_and_a_server_do_not_change_places_silently(
    recorded: dict[str, str], stated: str | None, says: str
) -> None:
    lock = Lock.model_validate(
        {"services": {"vaultwarden": {"host": "pi", "port": 8222, "databases": recorded}}}
    )
    databases = {"databases": {"postgresql": {"host": stated}}} if stated else {}
    plan = build.plan({"services": {"vaultwarden": {"host": "pi", **databases}}}, lock)
    found = [*database_moved(plan)]
    assert [says in p.what for p in found] == ([True] if says else [])
    for problem in found:
        kept = f"write databases: {{postgresql: {{host: {recorded.get('postgresql')}}}}}"
        assert problem.way_out.endswith(f"; or {kept if recorded else 'leave databases out'}")
