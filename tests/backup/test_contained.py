"""Restores, undo and drills of a database in a container: real restic and PostgreSQL.

`podman` is a stand-in that runs PostgreSQL in a directory as an image does: it makes an empty database
where its directory is empty, with the superuser and the database of its variables.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.backup.restores import Restored
from tests.tools.programs import need_here

pytestmark = [pytest.mark.requirement("S0-36"), pytest.mark.long]

_PODMAN = """\
#!/bin/bash
exec 7>&- 8>&-
# A container is a directory below {top}: `data` leads to its files, `run` has its socket.
top={top}
up() {{
  local at=$top/$1
  mkdir -p "$at/run" && chown postgres "$at/run"
  if [ -z "$(ls -A "$at/data/")" ]; then
    chown postgres "$at/data/"
    cp -a {template}/data/. "$at/data/"
    run pg_ctl -D "$at/data/" -w -o "-k $at/run -h '' -F" -l "$at/log" start >/dev/null 2>&1
    run psql -q -h "$at/run" -U wiki -d postgres -c 'CREATE DATABASE wiki'
    echo yes >"$at/made"
  else
    run pg_ctl -D "$at/data/" -w -o "-k $at/run -h '' -F" -l "$at/log" start >/dev/null 2>&1
  fi
}}
run() {{ (cd / && runuser -u postgres -- "$@" </dev/null); }}
down() {{ run pg_ctl -D "$top/$1/data/" -m fast -w stop >/dev/null 2>&1; }}
echo "$*" >>{log}
case $1 in
  up | down) "$1" "$2" ;;
  exec)
    shift
    [ "$1" != -i ] || shift
    container=$1
    shift
    [ -S "$top/$container/run/.s.PGSQL.5432" ] || exit 125
    words=()
    for word; do [ "$word" = 127.0.0.1 ] && words+=("$top/$container/run") || words+=("$word"); done
    export PGHOST=$top/$container/run
    cd / && exec runuser -u postgres -- "${{words[@]}}"
    ;;
  inspect)
    [ -d "$top/${{@: -1}}" ] || exit 125
    if [ "$2" = --format ]; then echo image; else echo '[{{"Config": {{"Cmd": ["postgres"]}}}}]'; fi
    ;;
  run)
    while [ "$1" != --name ]; do shift; done
    mkdir -p "$top/$2/data" && chown postgres "$top/$2" "$top/$2/data" && up "$2"
    ;;
  rm)
    name=${{@: -1}}
    [ ! -d "$top/$name" ] || down "$name"
    rm -rf "$top/$name"
    ;;
esac
"""
SYSTEMCTL = """\
#!/bin/bash
command=$1
shift
case $command in
  is-active) cat {state}/"$1" 2>/dev/null || echo inactive ;;
  is-failed) echo active ;;
  stop | start)
    for unit; do
      was=$(cat {state}/"$unit" 2>/dev/null)
      [ $command = start ] && is=active || is=inactive
      echo $is >{state}/"$unit"
      [ "$unit" = podman-app-db.service ] && [ "$was" != $is ] || continue
      [ $is = active ] && podman up app-db || podman down app-db
    done
    ;;
esac
"""


@cache
def _empty() -> TemporaryDirectory[str]:
    """A new PostgreSQL for containers to copy."""
    place = TemporaryDirectory(prefix="postgresql")
    shutil.chown(place.name, "postgres", "postgres")
    made = ["runuser", "-u", "postgres", "--", "initdb", "--no-sync", "-A", "trust", "-U", "wiki"]
    made += ["-E", "UTF8", "--locale=C", "-D", f"{place.name}/data"]
    subprocess.run(made, cwd="/", capture_output=True, check=True)
    return place


class Contained(Restored):
    """The host, with a service whose database runs in the container `app-db`."""

    place: Path

    def start(self, place: Path, directory: Path) -> None:
        self.place = place
        self.db = directory
        self.db.mkdir(parents=True)
        (place / "app-db").mkdir()
        (place / "app-db" / "data").symlink_to(self.db)
        for made in (place, place / "app-db"):
            made.chmod(0o777)
        self.program(
            "podman", _PODMAN.format(top=place, log=self.top / "podman.log", template=_empty().name)
        )
        self.program("systemctl", SYSTEMCTL.format(state=self.units))
        self.dump = self.dumps / "dumps/app/db-postgresql-wiki.sql"
        self.describe(
            units=["app.service", "podman-app-db.service"],
            dumps=[str(self.dump)],
            inside=[
                {
                    "kind": "postgresql",
                    "database": "wiki",
                    "user": "wiki",
                    "container": "app-db",
                    "directory": str(self.db),
                    "dump": str(self.dump),
                }
            ],
        )
        (self.data / "page").write_text("first")
        self.podman("up", "app-db")
        (self.units / "podman-app-db.service").write_text("active\n")
        self.sql(
            "CREATE ROLE reader; CREATE TABLE note (text text); GRANT SELECT ON note TO reader"
        )
        self.sql("INSERT INTO note VALUES ('first')")

    def podman(self, *words: str, text: str = "") -> str:
        done = subprocess.run(
            [self.bin / "podman", *words],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def sql(self, text: str, database: str = "wiki") -> str:
        words = ("psql", "-X", "-q", "-A", "-t", "-U", "wiki", "-d", database)
        return self.podman("exec", "-i", "app-db", *words, text=text)

    def save(self) -> None:
        """A backup as the job makes one: the dump, and the files without those of the database."""
        self.dump.parent.mkdir(parents=True, exist_ok=True)
        words = ("pg_dump", "--no-password", "--username", "wiki", "--dbname", "wiki")
        self.dump.write_text(self.podman("exec", "app-db", *words) + "\n")
        self.backup(str(self.dump), "--exclude", str(self.db))

    def change(self) -> None:
        """What happens after the backup."""
        self.sql("UPDATE note SET text = 'second'")
        (self.data / "page").write_text("second")

    def notes(self) -> str:
        return self.sql("SELECT text FROM note")

    def stop(self) -> None:
        subprocess.run(
            [self.bin / "podman", "down", "app-db"],
            env=self.environment,
            capture_output=True,
            check=False,
        )


@contextmanager
def running(directory: str) -> Iterator[Contained]:
    """A host whose service has a database in a container, with its files in this directory."""
    for program in ("initdb", "pg_ctl", "psql", "pg_dumpall", "runuser"):
        need_here(program)
    # Another user cannot enter the directories of pytest.
    with TemporaryDirectory() as top, TemporaryDirectory() as scratch:
        Path(top).chmod(0o755)
        made = Contained(Path(top) / "host")
        try:
            made.start(Path(scratch), made.top / directory)
            yield made
        finally:
            made.stop()


@pytest.fixture
def host() -> Iterator[Contained]:
    """A host whose service has a database in a container."""
    with running("lib/app-db-files") as made:
        yield made


def test_a_database_in_a_container_comes_from_its_dump_and_goes_back(host: Contained) -> None:
    host.save()
    host.change()
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "first"
    assert (host.data / "page").read_text() == "first"
    # The role that no dump of one database has.
    assert host.sql("SELECT has_table_privilege('reader', 'note', 'SELECT')") == "t"
    kept = next(host.db.parent.glob("app-db-files.before-*"))
    assert str(kept) in done.stdout
    assert (kept / "PG_VERSION").exists()

    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "second"
    assert (host.data / "page").read_text() == "second"
    assert (host.units / "podman-app-db.service").read_text() == "active\n"


@pytest.mark.long
def test_files_of_the_database_below_a_path_of_the_job_are_no_different() -> None:
    with running("lib/app/db") as host:
        host.save()
        host.change()
        done = host.call("in-place", "app", "disk", "latest")
        assert done.returncode == 0, done.stderr
        assert host.notes() == "first"
        done = host.call("undo", "app")
        assert done.returncode == 0, done.stderr
        assert host.notes() == "second"


@pytest.mark.long
def test_a_power_cut_while_a_container_is_filled_brings_its_database_back(host: Contained) -> None:
    """At boot no container runs yet, and none is asked."""
    host.save()
    host.change()
    real = (host.bin / "podman").read_text()
    cut = "  exec)\n    [[ $* != *'--dbname wiki'* ]] || kill -9 $PPID\n"
    host.program("podman", real.replace("  exec)\n", cut))
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == -9
    host.program("podman", real)
    host.stop()
    (host.units / "podman-app-db.service").write_text("inactive\n")
    asked = (host.top / "podman.log").read_text()
    done = host.call("resume")
    assert done.returncode == 0, done.stderr
    assert (host.top / "podman.log").read_text() == asked
    host.podman("up", "app-db")
    assert host.notes() == "second"


def test_a_database_that_no_dump_has_stops_the_restore_before_anything(host: Contained) -> None:
    host.save()
    host.change()
    host.sql("CREATE DATABASE other", "postgres")
    host.sql("CREATE TABLE kept (a int)", "other")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode != 0
    assert "app-db has the database other, too" in done.stderr
    assert host.notes() == "second"
    assert (host.units / "podman-app-db.service").read_text() == "active\n"


@pytest.mark.long
def test_a_container_on_a_new_host_gets_its_data(host: Contained) -> None:
    """Its database is empty there, and has no role."""
    host.save()
    host.stop()
    shutil.rmtree(host.db)
    host.db.mkdir()
    host.podman("up", "app-db")
    host.sql("CREATE ROLE reader")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert host.notes() == "first"


@pytest.mark.long
def test_a_drill_loads_the_dump_into_a_throwaway_container(host: Contained) -> None:
    host.save()
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "wiki has 1 tables" in done.stdout
    assert [path.name for path in host.place.iterdir()] == ["app-db"]
    assert host.notes() == "first"


def test_a_drill_finds_a_dump_of_a_container_that_does_not_load(host: Contained) -> None:
    host.save()
    host.dump.write_text("SELECT nonsense;\n-- PostgreSQL database dump complete\n")
    host.backup(str(host.dump), "--exclude", str(host.db))
    done = host.call("drill", "app", "disk")
    assert done.returncode != 0
    assert "cannot be loaded" in done.stderr
    assert [path.name for path in host.place.iterdir()] == ["app-db"]


@pytest.mark.long
def test_a_dump_of_a_container_that_is_cut_off_is_not_restored(host: Contained) -> None:
    host.save()
    host.dump.write_text(host.dump.read_text()[:200])
    host.backup(str(host.dump), "--exclude", str(host.db))
    host.change()
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode != 0
    assert "is cut off" in done.stderr
    assert host.notes() == "second"
