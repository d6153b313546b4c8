"""A service has databases over the network: on another host, or from a container on its own."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.backup.orphans import orphans
from homelab.config.lock import Lock
from homelab.databases.checks import database_moved
from homelab.nix import Attrs
from homelab.ops.project.files import updated_lock
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
TARGET: Changes = {"backup": {"targets": {"b": {"kind": "local", "host": "nas", "path": "/srv/r"}}}}
KINDS: dict[str, Changes] = {
    "container": {"container": {"image": IMAGE, "port": 80}},
    "containers": {"containers": {"app": {"image": IMAGE, "port": 80}, "job": {"image": IMAGE}}},
    "unit": {"unit": {"package": "hello", "command": ["hello"]}},
    "module": {"module": {"ports": {"web": 8010}, "user": "pad", "stateless": "it has a database"}},
    "flake": {"flake": {"input": "nixos-hardware", "unit": "pad"}},
}
"""A service of each kind that may have databases."""


def pad(kind: str, databases: object, on: str = "pi", **more: object) -> Changes:
    service = {"host": on, "port": 8010, "databases": databases, **KINDS[kind], **more}
    return {"services": {"pad": service}}


def nix(changes: Changes, host: str, file: str = "databases.nix") -> str:
    return " ".join(build.render(changes)[host][file].split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_database_on_another_host(kind: str) -> None:
    """Role, rule, password, firewall, secret and dump follow on the host of the database."""
    url = {"postgresql": {"host": "nas", "env": {"DATABASE_URL": "{url}"}}}
    changes = testing.merged(pad(kind, url), TARGET)
    text = nix(changes, "nas")
    assert 'ensureDatabases = [ "pad" ];' in text
    assert "enableTCPIP = true;" in text
    assert 'host "pad" "pad" 192.168.1.2/32 scram-sha-256' in text
    assert ". ${./lib/database-password.sh} postgresql pad" in text
    assert "5432 } accept" in nix(changes, "nas", "firewall.nix")
    plan = build.plan(changes)
    (mine,) = [s for s in plan.secrets.on("pi") if s.name == "pad-postgresql"]
    (theirs,) = [s for s in plan.secrets.on("nas") if s.name == "pad-database-postgresql"]
    assert (mine.purpose, mine.epoch) == (theirs.purpose, theirs.epoch) == ("pad/postgresql", 1)
    assert mine.env == (("DATABASE_URL", "postgresql://pad:{value}@192.168.1.3:5432/pad"),)
    (job,) = [j for j in plan.backup.jobs if j.name == "database-pad"]
    assert (job.host, job.postgresql) == ("nas", ("pad",))
    assert job.paths == ("/var/backup/postgresql/pad.sql.gz",)
    assert [host for host, _ in job.callers] == ["pi"]
    # The service does not wait for a unit of another host, and knows the password.
    mine_file = build.render(changes)["pi"]
    assert "requires" not in mine_file["databases.nix"]
    assert any("/run/homelab/secrets/pad-postgresql" in t for t in mine_file.values())


def test_a_container_reaches_a_database_of_its_own_host_over_its_bridge_alone() -> None:
    changes = pad("container", {"mysql": {"env": {"DB": "{url}"}}, "redis": {"port": 6390}})
    text = nix(changes, "pi")
    assert 'settings.mysqld.bind-address = "0.0.0.0";' in text
    assert "ensureUsers" not in text
    assert "bind = null; port = 6390;" in text
    assert 'requirePassFile = "/run/homelab/secrets/pad-database-redis";' in text
    assert 'requires = [ "pad-mysql.service" "redis-pad.service" ];' in text
    firewall = nix(changes, "pi", "firewall.nix")
    assert "3306" not in firewall
    assert "6390" not in firewall
    assert "podman0 = { allowedTCPPorts = [ 3306 6390 ]; };" in nix(changes, "pi", "containers.nix")
    assert "/run/homelab/secrets/pad-redis:/run/secrets/redis:ro" in nix(
        changes, "pi", "services/pad.nix"
    )


def test_the_only_caller_on_the_host_itself_keeps_the_server_on_loopback() -> None:
    changes = pad("flake", ["mysql", "redis"])
    text = nix(changes, "pi")
    assert 'bind-address = "127.0.0.1";' in text
    assert 'bind = "127.0.0.1";' in text
    flake = nix(pad("flake", ["postgresql"]), "pi")
    assert "enableTCPIP" not in flake


def test_one_of_several_containers_names_the_password() -> None:
    parts = {
        "app": {"image": IMAGE, "port": 80},
        "job": {"image": IMAGE, "secrets": {"postgresql": "DB_PASSWORD"}},
    }
    changes = pad("containers", {"postgresql": {"host": "nas"}}, containers=parts)
    text = build.render(changes)["pi"]["services/pad.nix"]
    assert "DB_PASSWORD" in text
    assert "/run/secrets/postgresql" not in text
    assert not [p for p in build.problems(changes) if p.check == "container-secret"]


def test_options_and_texts_know_where_the_database_is() -> None:
    place = "{database[postgresql].user}@{database[postgresql].host}:{database[postgresql].port}"
    changes = pad(
        "module",
        {"postgresql": {"host": "nas"}},
        options={
            "services.pad.db": {"$text": place},
            "services.pad.pass": {"$secret": "postgresql"},
        },
    )
    text = nix(changes, "pi", "services/pad.nix")
    assert 'db = "pad@192.168.1.3:5432";' in text
    assert 'pass = "/run/homelab/secrets/pad-postgresql";' in text
    (problem,) = build.found(
        pad("module", ["redis"], options={"services.pad.db": {"$text": place}}), "option-word"
    )[:1]
    assert "homelab creates no database postgresql for pad" in problem.what


def test_the_tailnet_grants_the_port_to_the_calling_host_alone() -> None:
    changes = testing.merged(
        build.TAILNET,
        {"hosts": {n: {"tailscale": {}} for n in ("pi", "nas")}},
        pad("container", {"postgresql": {"host": "nas"}}),
    )
    tailnet = build.plan(changes).tailnet
    assert tailnet is not None
    (grant,) = [g for g in tailnet.grants if "services.pad.databases.postgresql" in g.source]
    assert (grant.src, grant.dst) == (("pi",), ("nas",))
    assert "tcp:5432" in grant.ip


def test_a_database_that_changes_its_host_is_refused_until_it_is_copied() -> None:
    placement = {"host": "pi", "port": 8010, "databases": {"postgresql": "nas"}}
    lock = Lock.model_validate({"services": {"pad": placement}})
    changes = pad("container", ["postgresql"], backup={"skip": "it stores nothing"})
    (problem,) = database_moved(build.plan(changes, lock))
    assert problem.where == "services.pad.databases.postgresql"
    assert "was on nas, and its data stays there" in problem.what
    steps = ("homelab lock --move pad", "pulumi up", "stop the service", "copy the data to pi")
    places = [problem.way_out.index(step) for step in steps]
    assert places == sorted(places), "the database on pi does not exist before pulumi up"
    assert "docs/guide/links.md" in problem.way_out
    _, told = updated_lock(build.plan(changes, lock))
    assert any("after pulumi up" in line and "docs/guide/links.md" in line for line in told)
    there = pad("container", {"postgresql": {"host": "nas"}})
    assert not [*database_moved(build.plan(there, lock))]


def test_an_orphan_is_no_database_of_a_service_on_another_host() -> None:
    plan = build.plan(pad("container", {"postgresql": {"host": "nas"}, "mysql": {"host": "nas"}}))
    assert not orphans(plan, "nas", (("postgresql", "pad"), ("mysql", "pad")))


def test_a_service_without_state_says_where_its_data_is() -> None:
    changes = testing.merged(pad("container", {"postgresql": {"host": "nas"}}), TARGET)
    plan = build.plan(changes)
    assert ("pad", "its data is in a database on nas") in plan.backup.skipped
    assert not build.found(changes, "backup-intent")


MOUNT = {
    "container": {"image": IMAGE, "port": 80, "mounts": [{"source": "/srv/f", "target": "/f"}]}
}
WRITES: dict[str, Changes] = {
    "container": MOUNT,
    "containers": {"containers": {"app": MOUNT["container"]}},
    "unit": {"harden": {"read_write": ["/srv/f"]}},
    "flake": {"harden": {"read_write": ["/srv/f"]}},
}


@pytest.mark.parametrize("place", ["nas", "pi"])
@pytest.mark.parametrize("kind", WRITES)
def test_a_database_does_not_stand_for_the_files_that_its_service_writes(
    kind: str, place: str
) -> None:
    databases = {"postgresql": {"host": place}}

    def told(**more: object) -> list[str]:
        return [
            f"{p.severity} {p.where}"
            for check in ("backup-mount", "backup-writable", "backup-intent")
            for p in build.found(pad(kind, databases, on="nas", **{**WRITES[kind], **more}), check)
        ]

    where = {"container": "container.mounts", "containers": "containers.app.mounts"}
    assert told() == [f"error services.pad.{where.get(kind, 'harden.read_write')}[0]"]
    for settled in (
        {"state": ["/srv/f"]},
        {"backup": {"include": []}},
        {"backup": {"include": ["/srv/f"]}},
        {"backup": {"skip": "it can be made again"}},
    ):
        assert not told(**settled)
    plan = build.plan(
        testing.merged(pad(kind, databases, "nas", **WRITES[kind], state=["/srv/f"]), TARGET)
    )
    assert [j.paths[0] for j in plan.backup.jobs if j.name == "pad"] == ["/srv/f"]


def test_a_reason_for_a_copy_in_use_needs_files_that_are_copied() -> None:
    away = {"postgresql": {"host": "nas"}}
    (problem,) = build.found(pad("container", away, backup={"live": "it sleeps"}), "backup-live")
    assert problem.where == "services.pad.backup.live"
    kept = pad("container", away, backup={"live": "it sleeps"}, state=["/srv/f"])
    assert not build.found(kept, "backup-live")


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_database_of_instances_on_several_hosts_is_dumped_once(kind: str) -> None:
    """The instance on its host dumps it, and a restore there stops the other instances."""
    both = {"pad": {"host": None, "tags": ["app"]}}
    tags = {name: {"tags": ["app"]} for name in ("pi", "nas")}
    plan = build.plan(
        testing.merged(
            pad("unit", {kind: {"host": "nas"}}), {"services": both, "hosts": tags}, TARGET
        )
    )
    (job,) = [j for j in plan.backup.jobs if "pad" in j.name]
    assert (job.name, job.host) == ("pad", "nas")
    assert len(job.paths) == 1
    assert job.callers == (("pi", ("pad.service",)),)


def test_a_database_on_a_host_that_may_be_off_is_a_warning() -> None:
    asleep: Changes = {"hosts": {"nas": {"always_on": False}}}
    away = pad("container", {"postgresql": {"host": "nas"}})
    (problem,) = build.found(testing.merged(away, asleep), "sleepy-dependency")
    assert (problem.where, problem.severity) == (
        "services.pad.databases.postgresql.host",
        "warning",
    )
    assert "needs its database on nas, which is not always on" in problem.what
    assert not build.found(away, "sleepy-dependency")
    both = pad("container", {"postgresql": {"host": "nas"}}, on="nas")
    assert not build.found(testing.merged(both, asleep), "sleepy-dependency")


def test_a_held_host_gets_no_new_database_and_keeps_those_that_it_has() -> None:
    held: Changes = {"hosts": {"nas": {"state": "held"}}}
    changes = testing.merged(pad("container", {"postgresql": {"host": "nas"}}), held)
    (problem,) = build.found(changes, "database-host")
    assert "nas is held" in problem.what
    there = {"host": "pi", "port": 8010, "databases": {"postgresql": "nas"}}
    lock = Lock.model_validate({"services": {"pad": there}})
    assert not [p for p in build.problems(changes, lock) if p.check == "database-host"]


@pytest.mark.parametrize("app", ["immich", "miniflux"])
def test_a_unit_does_not_take_the_database_of_an_app_of_the_catalog(app: str) -> None:
    """Whether homelab dumps it by name or the app saves it itself."""
    user = build.plan({"services": {app: {"host": "nas"}}}).on("nas")
    (entry,) = [s.entry for s in user if s.name == app]
    unit: Changes = {"package": "hello", "command": ["hello"], "user": entry.user}
    changes = testing.merged(
        pad("unit", ["postgresql"], on="nas", unit=unit), {"services": {app: {"host": "nas"}}}
    )
    (problem,) = build.found(changes, "database-own")
    assert f"{app} has a database {entry.user} in postgresql on nas already" in problem.what


@pytest.mark.parametrize("place", ["nas", "pi"])
def test_an_extension_that_the_server_lacks_is_refused(place: str) -> None:
    named = ["pg_trgm", "uuid-ossp", "postgis", "nosuchext", "timescaledb"]
    changes = pad("unit", {"postgresql": {"host": place, "extensions": named}})
    told = build.found(changes, "database-extension")
    assert sorted(p.what.split()[5].strip(",") for p in told) == sorted(named[2:])
    assert {p.where for p in told} == {"services.pad.databases.postgresql.extensions"}
    own: Changes = {"hosts": {place: {"modules": ["hosts/own.nix"]}}}
    assert not build.found(testing.merged(changes, own), "database-extension")


@pytest.mark.parametrize(
    ("text", "says"),
    [("{pass}", "write one of {url}"), ("{url", "write one of"), ("{{url}}", "write one of")],
)
def test_a_variable_has_only_fields_of_a_database(text: str, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(pad("container", {"postgresql": {"env": {"A": text}}}))


def test_a_key_of_the_former_place_is_refused_with_the_new_one() -> None:
    unit: Attrs = {"package": "hello", "command": ["hello"], "databases": ["redis"]}
    with pytest.raises(InvalidStackError, match="write it beside unit: databases"):
        build.plan(pad("unit", [], unit=unit))
