"""A database keeps its name, or its new name is acknowledged: a server makes an empty one for another."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from homelab.checks import run_checks
from homelab.config.lock import Lock, lock_text, parse_lock
from homelab.ops.project.files import updated_lock, write_lock
from homelab.problems import InvalidStackError, Problem
from tests import build, stackdir
from tests.containers.paperless import DIGEST
from tests.household import Changes
from tests.site.ways_out.stacks import service, unit


def wiki(user: str | None = "wiki", kind: str = "postgresql", key: str = "wiki") -> Changes:
    inside = {"user": user} if user else {}
    more = unit(inside=inside, databases=[kind], port=8017, state=["/var/lib/pages"])
    return service(key, **more)


def container(key: str) -> Changes:
    image = {"image": f"docker.io/a/b:1{DIGEST}", "port": 80}
    mounts = [{"source": "/var/lib/pages", "target": "/data"}]
    return service(
        key,
        host="nas",
        auth="none",
        container={**image, "mounts": mounts},
        state=["/var/lib/pages"],
        databases={"postgresql": {"env": {"URL": "{url}"}}},
    )


def locked(changes: Changes, lock: Lock | None = None) -> Lock:
    written, _ = updated_lock(build.plan(changes, lock or Lock()))
    return parse_lock(lock_text(written), "homelab.lock.yaml")


def told(changes: Changes, lock: Lock) -> list[Problem]:
    return run_checks(build.plan(changes, lock), {"database-moved"})


@pytest.mark.parametrize(
    ("before", "after", "names", "back"),
    [
        ("wiki", "forge", ("wiki", "forge"), "write unit.user: wiki, or leave it out as before"),
        ("forge", "wiki", ("forge", "wiki"), "write unit.user: forge"),
        ("forge", None, ("forge", "wiki"), "write unit.user: forge"),
        (None, "forge", ("wiki", "forge"), "or leave it out as before"),
    ],
)
def test_another_user_of_a_unit_has_another_database(
    before: str | None, after: str | None, names: tuple[str, str], back: str
) -> None:
    lock = locked(wiki(before))
    assert told(wiki(before), lock) == []
    (problem,) = told(wiki(after), lock)
    was, now = names
    assert problem.where == "services.wiki.unit.user"
    assert f"the database of wiki on nas is {was} and would be {now}" in problem.what
    assert f'-c \'ALTER DATABASE "{was}" RENAME TO "{now}"\'' in problem.way_out
    assert f'-c \'ALTER ROLE "{was}" RENAME TO "{now}"\'' in problem.way_out
    assert "homelab lock --move wiki" in problem.way_out
    assert problem.way_out.endswith(back)
    assert told(wiki(after), locked(wiki(after), lock)) == []


def test_a_database_of_mariadb_is_copied() -> None:
    (problem,) = told(wiki("forge", "mysql"), locked(wiki("wiki", "mysql")))
    assert problem.way_out.startswith("acknowledge: homelab lock --move wiki, then pulumi up")
    assert "copy the data to forge" in problem.way_out
    assert told(wiki("forge", "redis"), locked(wiki("wiki", "redis"))) == [], "it is a cache"


def test_another_name_of_a_service_is_another_name_of_its_database() -> None:
    (problem,) = told(container("board"), locked(container("wiki")))
    assert problem.where == "services.board"
    assert "is wiki and would be board, because it has the name of the service" in problem.what
    assert problem.way_out.endswith("or call it wiki again")
    (problem,) = told(wiki(None, key="board"), locked(wiki(None)))
    assert problem.way_out.endswith("or call it wiki again")
    assert told(wiki("wiki", key="board"), locked(wiki("wiki"))) == [], "its user has the name"


def test_a_lock_of_an_earlier_version_knows_no_names() -> None:
    lock = locked(wiki("forge"))
    old = lock.services["wiki"].model_copy(update={"database_names": {}})
    earlier = lock.model_copy(update={"services": {"wiki": old}})
    assert told(wiki("forge"), earlier) == []
    assert locked(wiki("forge"), earlier) == lock


@pytest.mark.parametrize("case", ["user", "host"])
def test_the_lock_takes_the_new_name_once_it_is_acknowledged(case: str, tmp_path: Path) -> None:
    on_pi = {"host": "nas", "databases": {"postgresql": {"host": "pi"}}}
    before = wiki("wiki") if case == "user" else service("home-assistant", **on_pi)
    directory = stackdir.write_stack(tmp_path / "stack", before)
    write_lock(directory, stackdir.NAME, ())
    path = directory / f"Pulumi.{stackdir.NAME}.yaml"
    data = yaml.safe_load(path.read_text())
    services = data["config"]["homelab:services"]
    name = "wiki" if case == "user" else "home-assistant"
    if case == "user":
        services[name]["unit"]["user"] = "forge"
    else:
        services[name]["host"] = "pi"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(InvalidStackError, match="database-moved"):
        write_lock(directory, stackdir.NAME, ())
    assert write_lock(directory, stackdir.NAME, (name,))
    assert "unchanged" in write_lock(directory, stackdir.NAME, ())[0]
