"""`homelab-backup`: what it puts back, what it keeps, and what it refuses."""

from __future__ import annotations

import gzip
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.backup.restores import Restored, cluster, dumped

pytestmark = pytest.mark.long


@pytest.fixture
def host(tmp_path: Path) -> Restored:
    made = Restored(tmp_path)
    (made.data / "notes.txt").write_text("first")
    (made.data / "sub").mkdir()
    (made.data / "sub/deep").write_text("deep")
    made.backup()
    (made.data / "notes.txt").write_text("second")
    (made.data / "new.txt").write_text("new")
    return made


def test_snapshots_are_listed_the_newest_first(host: Restored) -> None:
    host.backup()
    listed = [line.split("\t") for line in host.call("snapshots", "app").stdout.splitlines()]
    assert len(listed) == 2
    assert listed[0][2] > listed[1][2]
    assert {line[0] for line in listed} == {"disk"}


def test_a_restore_in_place_brings_the_old_files_and_keeps_the_present_ones(host: Restored) -> None:
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "first"
    assert (host.data / "sub/deep").read_text() == "deep"
    assert not (host.data / "new.txt").exists()
    assert (host.aside() / "notes.txt").read_text() == "second"
    assert (host.aside() / "new.txt").read_text() == "new"
    assert str(host.aside()) in done.stdout
    log = host.log.read_text()
    assert log.index("stop app.service") < log.index("start app.service")
    assert not [*host.data.parent.glob("app.restoring-*")]


def test_a_file_that_appears_meanwhile_loses_nothing(host: Restored) -> None:
    (host.data / "notes.txt").write_text("present")
    # A program that still runs writes the file anew, between the steps of the restore.
    host.program(
        "sync",
        f"#!/bin/sh\nfor old in {host.data}.before-*/notes.txt; do\n"
        f'  [ ! -e "$old" ] || [ -e {host.top}/once ] || {{ touch {host.top}/once; '
        f"echo meanwhile >{host.data}/notes.txt; }}\ndone\n",
    )
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert f"{host.data}/notes.txt has appeared meanwhile" in done.stderr
    back = host.call("undo", "app")
    assert back.returncode == 0, back.stderr
    assert (host.data / "notes.txt").read_text() == "present"
    assert (host.aside("undone") / "notes.txt").read_text() == "meanwhile\n"


def test_undo_brings_the_present_files_back_and_keeps_the_restored_ones(host: Restored) -> None:
    assert host.call("in-place", "app", "disk", "latest").returncode == 0
    (host.data / "since.txt").write_text("since")
    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "second"
    assert (host.data / "new.txt").read_text() == "new"
    assert (host.aside("undone") / "notes.txt").read_text() == "first"
    assert (host.aside("undone") / "since.txt").read_text() == "since"
    assert not [*host.data.parent.glob("app.before-*")]
    again = host.call("undo", "app")
    assert (again.returncode, again.stdout) == (1, "")
    assert "no restore of app is to be undone" in again.stderr


def test_a_time_names_the_newest_snapshot_before_it(host: Restored) -> None:
    first = host.restic("snapshots", "--json").split('"time":"')[1][:19]
    host.backup()
    done = host.call("in-place", "app", "disk", "2001-01-01")
    assert "no snapshot of app for 2001-01-01" in done.stderr
    for wanted in ("someday", "", " "):
        done = host.call("in-place", "app", "disk", wanted)
        assert (done.returncode, host.log.exists()) == (1, False)
        assert f'"{wanted}" is neither a snapshot, nor latest, nor a time' in done.stderr
    assert first


def test_a_directory_of_files_changes_nothing_else(host: Restored, tmp_path: Path) -> None:
    done = host.call("files", "app", "disk", "latest", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert Path(f"{tmp_path}/out{host.data}/notes.txt").read_text() == "first"
    assert (host.data / "notes.txt").read_text() == "second"
    assert not host.log.exists()
    again = host.call("files", "app", "disk", "latest", str(tmp_path / "out"))
    assert "is not empty" in again.stderr


def test_a_database_comes_from_its_dump(host: Restored) -> None:
    dumps = host.dumps / "sqlite/app"
    dumps.mkdir(parents=True)
    host.write("a", "b")
    host.describe(sqlite=[str(host.database)], dumps=[f"{dumps}/app.db"])
    (dumps / "app.db").write_bytes(host.database.read_bytes())
    host.restic(
        "backup", "--quiet", "--exclude", str(host.database), str(host.data), f"{dumps}/app.db"
    )
    host.write("c")
    host.database.chmod(0o640)
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert host.rows() == ["a", "b"]
    assert host.database.stat().st_mode & 0o777 == 0o640
    assert host.rows(host.aside() / "app.db") == ["c"]
    assert host.call("undo", "app").returncode == 0
    assert host.rows() == ["c"]


def test_two_databases_of_one_name_come_from_their_own_dumps(host: Restored) -> None:
    dumps = host.dumps / "sqlite/app"
    dumps.mkdir(parents=True)
    first, second = host.data / "one/app.db", host.data / "two/app.db"
    for database, row in ((first, "one"), (second, "two")):
        host.write(row)
        database.parent.mkdir()
        host.database.rename(database)
    files = [dumps / "app.db-11111111", dumps / "app.db-22222222"]
    for file, database in zip(files, (first, second), strict=True):
        file.write_bytes(database.read_bytes())
        database.unlink()
    host.describe(sqlite=[str(first), str(second)], dumps=[str(f) for f in files])
    host.backup(*(str(f) for f in files))
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert (host.rows(first), host.rows(second)) == (["one"], ["two"])


def test_a_path_inside_another_one_is_restored_with_it_and_goes_back(host: Restored) -> None:
    host.describe(paths=[str(host.data / "sub"), str(host.data)])
    (host.data / "sub/deep").write_text("deeper")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert (host.data / "sub/deep").read_text() == "deep"
    assert [p.name for p in host.data.glob("sub*")] == ["sub"]
    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert (host.data / "sub/deep").read_text() == "deeper"
    assert (host.data / "notes.txt").read_text() == "second"


@pytest.mark.parametrize("other", ["app-2", "app-web"])
def test_a_job_whose_name_starts_with_that_of_another_keeps_its_restore(
    host: Restored, other: str
) -> None:
    record = host.top / f"records/{other}-20260302101502"
    record.mkdir(parents=True)
    (record / "phase").write_text("replacing\n")
    (record / "paths").write_text("/nonexistent\n")
    (record / "units").write_text("other.service\n")
    done = host.call("undo", "app")
    assert "no restore of app is to be undone" in done.stderr
    assert not host.log.exists()
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 0, done.stderr
    assert (record / "phase").read_text() == "replacing\n"


def test_a_database_outside_of_the_paths_is_refused_before_anything_is_read(host: Restored) -> None:
    host.describe(sqlite=["/elsewhere/x.db"], dumps=[f"{host.dumps}/sqlite/app/x.db"])
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert "/elsewhere/x.db is outside of what app backs up; restore with --to" in done.stderr
    assert not [*(host.top / "records").glob("app-*")], "a later restore needs no undo"


def test_a_damaged_dump_stops_a_restore_before_it_changes_anything(host: Restored) -> None:
    dumps = host.dumps / "sqlite/app"
    dumps.mkdir(parents=True)
    host.write("a")
    content = bytearray(host.database.read_bytes())
    content[4100:4200] = b"\xff" * 100
    (dumps / "app.db").write_bytes(content)
    host.describe(sqlite=[str(host.database)], dumps=[f"{dumps}/app.db"])
    host.restic("backup", "--quiet", str(host.data), f"{dumps}/app.db")
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert "is a damaged database; choose another snapshot" in done.stderr
    assert not host.log.exists(), "nothing was stopped"
    assert host.call("drill", "app", "disk").returncode == 1


def test_a_unit_that_fails_afterwards_is_said_with_the_way_back(host: Restored) -> None:
    (host.units / "broken").touch()
    done = host.call("in-place", "app", "disk", "latest")
    assert done.returncode == 1
    assert "homelab restore app --undo" in done.stderr
    (host.units / "broken").unlink()
    assert host.call("undo", "app").returncode == 0
    assert (host.data / "notes.txt").read_text() == "second"


def test_a_service_that_does_not_answer_after_a_restore_is_said_with_the_way_back(
    host: Restored,
) -> None:
    class App(BaseHTTPRequestHandler):
        answer = 404

        def do_GET(self) -> None:
            self.send_response(self.answer)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/health"
        host.describe(probe=url)
        host.settings["HOMELAB_PROBE_SECONDS"] = "1"
        done = host.call("in-place", "app", "disk", "latest")
        # Any answer of the app itself counts, as after a deployment.
        assert done.returncode == 0, done.stderr
        assert f"app answers at {url}" in done.stdout
        App.answer = 502
        done = host.call("in-place", "app", "disk", "latest")
        server.shutdown()
    assert done.returncode == 1
    assert f"app is restored, and does not answer at {url} after 1 s" in done.stderr
    assert "homelab restore app --undo" in done.stderr
    assert "What was there before is kept" in done.stdout
    # A boot keeps it, because the restore has ended.
    assert host.call("resume").returncode == 0
    assert (host.data / "notes.txt").read_text() == "first"
    assert host.call("undo", "app").returncode == 0


def test_dumps_that_only_the_app_can_load_are_refused_in_place(host: Restored) -> None:
    host.describe(byHand=["/var/lib/app/dumps"])
    done = host.call("in-place", "app", "disk", "latest")
    assert (done.returncode, host.log.exists()) == (1, False)
    assert "homelab restore app --to DIRECTORY" in done.stderr


@pytest.mark.parametrize("step", ["out", "in"])
def test_an_interrupted_restore_can_be_undone(host: Restored, step: str) -> None:
    """Power is cut after each step is written down; here the shell ends there."""
    host.program("sync", f'#!/bin/bash\nif grep -qs "^{step}" "$2"/steps; then kill -9 $PPID; fi\n')
    assert host.call("in-place", "app", "disk", "latest").returncode == -9
    (host.bin / "sync").unlink()
    refused = host.call("in-place", "app", "disk", "latest")
    assert "was interrupted; undo it first: homelab restore app --undo" in refused.stderr
    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "second"
    assert (host.data / "new.txt").read_text() == "new"
    assert host.call("in-place", "app", "disk", "latest").returncode == 0
    assert (host.data / "notes.txt").read_text() == "first"


def test_an_interrupted_undo_goes_on(host: Restored) -> None:
    assert host.call("in-place", "app", "disk", "latest").returncode == 0
    host.program("sync", '#!/bin/bash\nif grep -qs "^back" "$2"/steps; then kill -9 $PPID; fi\n')
    assert host.call("undo", "app").returncode == -9
    (host.bin / "sync").unlink()
    assert host.call("undo", "app").returncode == 0
    assert (host.data / "notes.txt").read_text() == "second"
    assert (host.aside("undone") / "notes.txt").read_text() == "first"


def test_a_target_that_does_not_answer_changes_nothing(host: Restored) -> None:
    host.wrap("echo 'Fatal: unable to open config file' >&2; exit 1")
    done = host.call("in-place", "app", "disk", "latest")
    assert (done.returncode, host.log.exists()) == (1, False)
    assert "disk does not answer: Fatal: unable to open config file" in done.stderr
    assert host.call("snapshots", "app").returncode == 1


def test_a_restore_without_room_changes_nothing(host: Restored) -> None:
    host.program("df", "#!/bin/sh\necho Avail; echo 3\n")
    done = host.call("in-place", "app", "disk", "latest")
    assert (done.returncode, host.log.exists()) == (1, False)
    assert "MiB free, and the snapshot has" in done.stderr


def test_a_new_host_gets_the_files_and_starts_the_units(host: Restored) -> None:
    for entry in (*host.data.rglob("*"),):
        if entry.is_file():
            entry.unlink()
    (host.data / "sub").rmdir()
    host.data.chmod(0o750)
    host.backup()
    host.data.rmdir()
    (host.units / "app.service").unlink()
    first = host.call("snapshots", "app").stdout.splitlines()[-1].split("\t")[1]
    done = host.call("in-place", "app", "disk", first)
    assert done.returncode == 0, done.stderr
    assert (host.data / "notes.txt").read_text() == "first"
    assert "start app.service" in host.log.read_text()


def test_unknown_jobs_and_targets_are_named(host: Restored) -> None:
    assert (
        "this host has no backup job nas; it has: app" in host.call("drill", "nas", "disk").stderr
    )
    assert "its targets: disk" in host.call("drill", "app", "moon").stderr
    assert "usage" in host.call("drill").stderr


def test_a_drill_restores_opens_counts_and_leaves_nothing(host: Restored) -> None:
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "app can be restored from disk" in done.stdout
    assert "has 2 files" in done.stdout
    assert [p.name for p in (host.top / "records").iterdir()] == [".lock"]
    assert (host.data / "notes.txt").read_text() == "second"


def test_a_drill_counts_files_in_a_directory_whose_name_has_two_lines(host: Restored) -> None:
    (host.data / "two\nlines").mkdir()
    (host.data / "two\nlines/file").write_text("x")
    host.backup()
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the user postgres")
def test_a_postgresql_database_comes_from_its_dump_and_goes_back(host: Restored) -> None:
    with cluster(host) as sql:
        sql("CREATE ROLE app LOGIN")
        sql("CREATE DATABASE app OWNER app")
        sql("CREATE TABLE note (text text); INSERT INTO note VALUES ('first')", "app")
        dump = host.dumps / "postgresql/app.sql.gz"
        dump.parent.mkdir(parents=True)
        dump.write_bytes(gzip.compress(dumped(host).encode()))
        host.describe(paths=[], postgresql=["app"], dumps=[str(dump)])
        host.backup(str(dump))
        sql("UPDATE note SET text = 'second'", "app")
        done = host.call("in-place", "app", "disk", "latest")
        assert done.returncode == 0, done.stderr
        assert sql("SELECT text FROM note", "app") == "first"
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'"
        assert sql(owner) == "app"
        assert "database app_before_" in done.stdout
        done = host.call("undo", "app")
        assert done.returncode == 0, done.stderr
        assert sql("SELECT text FROM note", "app") == "second"
        undone = sql("SELECT datname FROM pg_database WHERE datname LIKE 'app_undone_%'")
        assert sql("SELECT text FROM note", undone) == "first"
