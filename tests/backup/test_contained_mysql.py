"""Restores, undo and drills of a MariaDB in a container: real restic and MariaDB.

`podman` is a stand-in that runs MariaDB in a directory as the image does: where its directory is empty,
it makes a server with the password of root, the database and the user of its variables.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from homelab.backup.dumps import IN_MYSQL
from tests.backup.restores import Restored
from tests.backup.test_contained import SYSTEMCTL
from tests.tools.programs import need

pytestmark = [
    pytest.mark.long,
    pytest.mark.requirement("S0-36"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the user mysql"),
]

_PODMAN = """\
#!/bin/bash
exec 7>&- 8>&-
# A container is a directory below {top}: `data` leads to its files, `env` has its variables.
top={top}
free() {{ python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }}
server() {{
  local at=$top/$1
  free >"$at/port"
  setsid mariadbd --no-defaults --user=mysql --datadir="$(realpath "$at/data")" --socket="$at/socket" \\
    --bind-address=127.0.0.1 --port="$(cat "$at/port")" --pid-file="$at/pid" --skip-name-resolve \\
    --innodb-buffer-pool-size=8M --innodb-flush-method=nosync --log-error="$at/log" \\
    >/dev/null 2>&1 </dev/null &
  for _ in $(seq 600); do
    mariadb-admin --no-defaults --socket="$at/socket" --silent ping >/dev/null 2>&1 && return
    sleep 0.1
  done
  exit 125
}}
up() {{
  local at=$top/$1 root user database
  chown mysql "$at" "$at/data/"
  [ -z "$(ls -A "$at/data/")" ] || {{ server "$1"; return; }}
  cp -a {template}/data/. "$at/data/"
  server "$1"
  root=$(sed -n 's/^MARIADB_ROOT_PASSWORD=//p' "$at/env")
  user=$(sed -n 's/^MARIADB_USER=//p' "$at/env")
  database=$(sed -n 's/^MARIADB_DATABASE=//p' "$at/env")
  {{
    echo "ALTER USER root@localhost IDENTIFIED BY '$root';"
    [ -z "$database" ] || echo "CREATE DATABASE $database;"
    [ -z "$user" ] || echo "CREATE USER $user@'%' IDENTIFIED BY '$user'; GRANT ALL ON $database.* TO $user@'%';"
  }} | mariadb --no-defaults --socket="$at/socket" --user=root
}}
down() {{
  local pid
  pid=$(cat "$top/$1/pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}}
echo "$*" >>{log}
case $1 in
  up | down) "$1" "$2" ;;
  exec)
    shift
    [ "$1" != -i ] || shift
    at=$top/$1
    shift
    [ -S "$at/socket" ] || exit 125
    mapfile -t variables <"$at/env"
    # Nothing of this machine but what each image has.
    exec env "${{variables[@]}}" AT="$at" PATH="$top/programs:$top/tools" "$@"
    ;;
  inspect)
    [ -d "$top/${{@: -1}}" ] || exit 125
    if [ "$2" = --format ]; then echo image; else echo '[{{"Config": {{"Cmd": ["mariadbd"]}}}}]'; fi
    ;;
  run)
    shift
    variables=()
    while [ "$1" != image ]; do
      [ "$1" != --name ] || name=$2
      [ "$1" != --env ] || variables+=("$2")
      shift
    done
    mkdir -p "$top/$name/data"
    printf '%s\\n' "${{variables[@]}}" >"$top/$name/env"
    up "$name"
    ;;
  rm)
    name=${{@: -1}}
    down "$name"
    rm -rf "${{top:?}}/$name"
    ;;
esac
"""
_CLIENT = """\
#!/bin/bash
# As in the container, where the server has its usual places.
reach=(--socket="$AT/socket")
[[ $* != *--protocol=tcp* ]] || reach=(--port="$(cat "$AT/port")")
exec {program} --no-defaults "${{reach[@]}}" "$@"
"""
_PROGRAMS = ("mariadb", "mariadb-dump", "mariadb-admin")
IMAGES = {
    "mariadb": _PROGRAMS,
    "mariadb-10.1": ("mariadb", "mysqldump", "mysqladmin"),
    "mysql": ("mysql", "mysqldump", "mysqladmin"),
}
"""The names of the programs in images: MariaDB 11 has lost those of MySQL, which has no others, and
an old MariaDB has some of each.
"""


@cache
def _empty() -> TemporaryDirectory[str]:
    """A new MariaDB for containers to copy."""
    place = TemporaryDirectory(prefix="mariadb")
    shutil.chown(place.name, "mysql")
    made = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={place.name}/data"]
    made += ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, cwd="/", capture_output=True, check=True)
    return place


class Contained(Restored):
    """The host, with a service whose MariaDB runs in the container `app-db`."""

    place: Path

    def start(self, place: Path, image: str) -> None:
        self.place = place
        self.db = self.top / "lib/app-db-files"
        self.db.mkdir(parents=True)
        (place / "app-db").mkdir()
        (place / "app-db" / "data").symlink_to(self.db)
        (place / "programs").mkdir()
        (place / "tools").mkdir()
        for tool in ("bash", "cat", "sh"):
            (place / "tools" / tool).symlink_to(shutil.which(tool) or tool)
        for made in (place, place / "app-db"):
            made.chmod(0o755)
        (place / "app-db/env").write_text(
            "MARIADB_ROOT_PASSWORD=ro ot\nMARIADB_DATABASE=wiki\nMARIADB_USER=wiki\nMARIADB_PASSWORD=wiki\n"
        )
        for name, program in zip(IMAGES[image], _PROGRAMS, strict=True):
            client = place / "programs" / name
            client.write_text(_CLIENT.format(program=shutil.which(program)))
            client.chmod(0o755)
        self.program(
            "podman", _PODMAN.format(top=place, log=self.top / "podman.log", template=_empty().name)
        )
        self.program("systemctl", SYSTEMCTL.format(state=self.units))
        self.settings["HOMELAB_CONTAINER_SECONDS"] = "60"
        self.dump = self.dumps / "dumps/app/db-mysql-wiki.sql"
        inside = {"kind": "mysql", "database": "wiki", "user": "root", "container": "app-db"}
        self.describe(
            units=["app.service", "podman-app-db.service"],
            dumps=[str(self.dump)],
            inside=[{**inside, "directory": str(self.db), "dump": str(self.dump)}],
        )
        (self.data / "page").write_text("first")
        self.podman("up", "app-db")
        (self.units / "podman-app-db.service").write_text("active\n")
        self.sql("CREATE TABLE note (text text); INSERT INTO note VALUES ('first')")
        self.sql("CREATE PROCEDURE two() SELECT 2")
        self.sql("CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM note WHERE text = ''")
        self.sql(
            "CREATE USER reader@'%' IDENTIFIED BY 'it''s'; GRANT SELECT ON wiki.note TO reader"
        )

    def podman(self, *words: str, text: str = "") -> str:
        done = subprocess.run(
            [self.bin / "podman", *words],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def client(self, user: str, what: str, *words: str, text: str = "") -> str:
        """A program of the container as this user, with the password of its variables."""
        start = ("exec", "-i", "app-db", "sh", "-c", IN_MYSQL, "sh", user, what)
        return self.podman(*start, *words, text=text)

    def sql(self, text: str, database: str = "wiki") -> str:
        words = ("--batch", "--skip-column-names", database)
        return self.client("root", "query", *words, text=text)

    def save(self) -> None:
        """A backup as the job makes one: the dump, and the files without those of the database."""
        self.dump.parent.mkdir(parents=True, exist_ok=True)
        words = ("--single-transaction", "--routines", "--events", "--databases", "wiki")
        self.dump.write_text(self.client("root", "dump", *words) + "\n")
        self.backup(str(self.dump), "--exclude", str(self.db))

    def change(self) -> None:
        """What happens after the backup."""
        self.sql("UPDATE note SET text = 'second'")
        (self.data / "page").write_text("second")

    def notes(self) -> str:
        return self.sql("SELECT text FROM note")

    def stop(self) -> None:
        self.podman("down", "app-db")


@contextmanager
def running(image: str = "mariadb") -> Iterator[Contained]:
    for program in ("mariadbd", "mariadb-install-db", *_PROGRAMS):
        need(program)
    # Another user cannot enter the directories of pytest.
    with TemporaryDirectory() as top, TemporaryDirectory() as scratch:
        Path(top).chmod(0o755)
        made = Contained(Path(top) / "host")
        try:
            made.start(Path(scratch), image)
            yield made
        finally:
            made.stop()


@pytest.fixture
def host() -> Iterator[Contained]:
    """A host whose service has a MariaDB in a container."""
    with running() as made:
        yield made


@pytest.mark.long
def test_a_mariadb_in_a_container_comes_from_its_dump_and_goes_back(host: Contained) -> None:
    host.save()
    host.change()
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "first"
    assert (host.data / "page").read_text() == "first"
    assert host.sql("CALL two()") == "2"
    assert host.sql("SELECT event_name FROM information_schema.events") == "tidy"
    # A user that neither the image makes nor the dump has.
    assert "GRANT SELECT ON `wiki`.`note`" in host.sql("SHOW GRANTS FOR reader")
    assert "IDENTIFIED BY PASSWORD" in host.sql("SHOW GRANTS FOR reader")
    kept = next(host.db.parent.glob("app-db-files.before-*"))
    assert str(kept) in done.stdout
    assert (kept / "wiki").is_dir()

    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "second"
    assert (host.data / "page").read_text() == "second"


def test_a_mariadb_that_no_dump_has_stops_the_restore_before_anything(host: Contained) -> None:
    host.save()
    host.change()
    host.sql("CREATE DATABASE `an other`; CREATE TABLE `an other`.kept (a int)")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode != 0
    assert "app-db has the database an other, too" in done.stderr
    assert host.notes() == "second"
    assert (host.units / "podman-app-db.service").read_text() == "active\n"


@pytest.mark.long
def test_a_mariadb_container_on_a_new_host_gets_its_data(host: Contained) -> None:
    host.save()
    host.stop()
    shutil.rmtree(host.db)
    host.db.mkdir()
    host.podman("up", "app-db")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "first"


@pytest.mark.long
def test_a_power_cut_while_a_mariadb_container_is_filled_brings_it_back(host: Contained) -> None:
    host.save()
    host.change()
    real = (host.bin / "podman").read_text()
    cut = f"  exec)\n    [[ $* != *query* ]] || [ ! -e {host.top}/cut ] || kill -9 $PPID\n"
    host.program("podman", real.replace("  exec)\n", cut))
    started = (host.bin / "systemctl").read_text()
    host.program(
        "systemctl",
        started.replace("command=$1", f'[ "$1" = stop ] && touch {host.top}/cut\ncommand=$1'),
    )
    assert host.call("in-place", "app", "disk", "latest").returncode == -9
    host.program("podman", real)
    host.program("systemctl", started)
    host.stop()
    (host.units / "podman-app-db.service").write_text("inactive\n")
    done = host.call("resume")
    assert done.returncode == 0, done.stderr
    host.podman("up", "app-db")
    assert host.notes() == "second"


@pytest.mark.long
def test_a_drill_loads_the_dump_into_a_throwaway_mariadb(host: Contained) -> None:
    host.save()
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "wiki has 1 tables" in done.stdout
    assert sorted(p.name for p in host.place.iterdir()) == ["app-db", "programs", "tools"]
    assert host.notes() == "first"


@pytest.mark.long
def test_a_drill_finds_a_dump_of_a_mariadb_container_that_does_not_load(host: Contained) -> None:
    host.save()
    host.dump.write_text("SELECT nonsense;\n-- Dump completed on 2026-03-01  4:30:00\n")
    host.backup(str(host.dump), "--exclude", str(host.db))
    done = host.call("drill", "app", "disk")
    assert done.returncode != 0
    assert "cannot be loaded" in done.stderr
    assert sorted(p.name for p in host.place.iterdir()) == ["app-db", "programs", "tools"]


@pytest.mark.long
@pytest.mark.parametrize("image", [name for name in IMAGES if name != "mariadb"])
def test_an_image_is_dumped_restored_and_drilled_with_the_programs_that_it_has(image: str) -> None:
    with running(image) as host:
        host.save()
        assert "tidy" in host.dump.read_text()
        host.change()
        done = host.call("in-place", "app", "disk", "latest")
        assert done.returncode == 0, done.stderr
        assert host.notes() == "first"
        done = host.call("drill", "app", "disk")
        assert done.returncode == 0, done.stderr
        assert "wiki has 1 tables" in done.stdout


def test_a_user_of_one_database_dumps_it(host: Contained) -> None:
    # The text of a procedure of root is not for other users, and a dump without it would fail.
    host.sql("DROP PROCEDURE two")
    words = ("--no-tablespaces", "--single-transaction", "--routines", "--events", "--databases")
    text = host.client("wiki", "dump", *words, "wiki")
    assert "INSERT INTO `note`" in text
    assert "tidy" in text
