"""`homelab-backup saved`, `check`, `drill`, `fresh` and `status`: what proves a backup."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.backup.restic import COMMAND
from tests.backup.restores import Restored, cluster, dumped
from tests.tools.programs import need

DAY = 86_400
LONG_AGO = 1_700_000_000

pytestmark = [pytest.mark.long, pytest.mark.requirement("S0-36")]


@pytest.fixture
def host(tmp_path: Path) -> Restored:
    made = Restored(tmp_path)
    (made.data / "notes.txt").write_text("first")
    (made.data / "odd [name]*").write_text("odd")
    made.backup()
    return made


def _set(host: Restored, name: str, text: str) -> None:
    file = host.proofs / "app/disk" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _packs(host: Restored) -> list[Path]:
    return [f for f in (host.top / "repository/data").rglob("*") if f.is_file()]


def _damage(host: Restored) -> None:
    for pack in _packs(host):
        pack.chmod(0o600)
        content = bytearray(pack.read_bytes())
        content[len(content) // 3] ^= 0xFF
        pack.write_bytes(content)


def test_each_backup_is_recorded_with_what_was_saved(host: Restored) -> None:
    done = host.call("saved", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "app is saved to disk: " in done.stdout
    epoch, identity = (host.proofs / "app/disk/saved").read_text().split()[:2]
    assert int(epoch) > LONG_AGO
    assert identity.rstrip(",") in host.restic("snapshots", "--json")


def test_a_path_that_is_a_link_fails_the_backup_unless_another_path_holds_its_target(
    host: Restored,
) -> None:
    # As /var/lib/app of a unit with DynamicUser.
    link = host.data.with_name("linked")
    link.symlink_to(host.data)
    host.describe(paths=[str(link)])
    host.backup()
    assert "notes.txt" not in host.restic("ls", "latest")
    done = host.call("saved", "app", "disk")
    assert done.returncode == 1
    assert f"app is not backed up: {link} is a link to {host.data}" in done.stderr
    assert not (host.proofs / "app/disk/saved").exists()
    host.describe(paths=[str(link), str(host.data.parent / "app")])
    host.backup()
    assert "notes.txt" in host.restic("ls", "latest")
    assert host.call("saved", "app", "disk").returncode == 0


def test_a_path_or_a_dump_that_does_not_exist_fails_the_backup(host: Restored) -> None:
    dump = host.dumps / "postgresql/app.sql.gz"
    gone = host.data.with_name("gone")
    host.describe(paths=[str(host.data), str(gone)], dumps=[str(dump)])
    # restic leaves them out, and succeeds.
    host.backup(str(dump))
    done = host.call("saved", "app", "disk")
    assert done.returncode == 1
    assert f"app is not backed up: the snapshot does not have {dump} {gone}; " in done.stderr
    assert not (host.proofs / "app/disk/saved").exists()
    drill = host.call("drill", "app", "disk")
    assert (drill.returncode, f"does not have {dump} {gone}" in drill.stderr) == (1, True)
    host.describe(paths=[f"{host.data}/"])
    assert host.call("saved", "app", "disk").returncode == 0
    # An earlier snapshot with more paths is not the newest.
    gone.mkdir()
    host.describe(paths=[str(host.data), str(gone)])
    host.backup()
    assert host.call("saved", "app", "disk").returncode == 0
    host.describe(paths=[str(host.data)])
    host.backup()
    host.describe(paths=[str(host.data), str(gone)])
    assert f"does not have {gone}" in host.call("saved", "app", "disk").stderr


def test_a_dump_that_was_not_made_again_fails_the_backup(host: Restored) -> None:
    dump, own = host.dumps / "postgresql/app.sql.gz", host.data / "backups/dump.sql.gz"
    for file in (dump, own):
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(b"dump"))
    host.describe(dumps=[str(dump)], byHand=[str(own.parent), "command-0.dump"])
    host.backup(str(dump))
    assert host.call("saved", "app", "disk").returncode == 0
    (host.proofs / "app/disk/saved").unlink()
    for file, what in ((dump, dump), (own, f"the newest dump in {own.parent}")):
        os.utime(file, (LONG_AGO, LONG_AGO))
        done = host.call("saved", "app", "disk")
        assert done.returncode == 1
        assert f"app is not backed up: {what} is of 2023-11-14" in done.stderr
        assert not (host.proofs / "app/disk/saved").exists()
        os.utime(file)


def test_a_snapshot_with_less_than_half_of_the_one_before_is_told(host: Restored) -> None:
    def saved(*sizes: int) -> subprocess.CompletedProcess[str]:
        listed = [
            {
                "time": f"2026-03-0{day}T04:30:00Z",
                "short_id": f"{day:08}",
                "paths": [str(host.data)],
                "summary": {
                    "total_files_processed": 1,
                    "total_bytes_processed": size,
                    "data_added": 0,
                },
            }
            for day, size in enumerate(sizes, 1)
        ]
        (host.top / "listed.json").write_text(json.dumps(listed))
        # The restic of Debian has no summaries.
        host.wrap(f'[ "$1" != snapshots ] || exec cat {host.top}/listed.json')
        return host.call("saved", "app", "disk")

    for sizes in ((20_000_000,), (20_000_000, 19_000_000), (900, 1), (20_000_000, 1, 1)):
        assert saved(*sizes).returncode == 0
    done = saved(5, 20_000_000_000, 3_000_000)
    assert done.returncode == 1
    assert "but it has 3 MB, and the one before had 20000 MB" in done.stderr
    # It counts: nothing else is newer.
    assert (host.proofs / "app/disk/saved").read_text().split()[1] == "00000003,"


def test_a_copy_has_what_the_backup_had_that_it_copies(host: Restored) -> None:
    host.describe(
        paths=[str(host.data), str(host.top / "new")], copies={"disk": {"target": "other"}}
    )
    assert host.call("saved", "app", "disk").returncode == 0


def test_a_drill_asks_for_the_dump_that_only_the_app_makes(host: Restored) -> None:
    own = host.data / "backups"
    own.mkdir()
    host.describe(byHand=[str(own)])
    done = host.call("drill", "app", "disk")
    assert done.returncode == 1
    assert f"has no dump in {own}, and only app itself makes one" in done.stderr
    (own / "dump.sql.gz").write_text("dump")
    host.backup()
    assert host.call("drill", "app", "disk").returncode == 0


def test_a_drill_finds_a_dump_without_tables_of_a_database_that_has_some(host: Restored) -> None:
    dump, live = host.dumps / "sqlite/app/app.db", host.database
    dump.parent.mkdir(parents=True)
    dump.touch()
    host.write("row")
    host.describe(sqlite=[str(live)], dumps=[str(dump)])
    host.backup(str(dump))
    done = host.call("drill", "app", "disk")
    assert done.returncode == 1
    assert f"the dump of {live} in the snapshot of" in done.stderr
    assert "has no table" in done.stderr
    live.unlink()
    sqlite3.connect(live).close()
    live.touch()
    assert host.call("drill", "app", "disk").returncode == 0
    host.write("row")
    dump.unlink()
    shutil.copy(live, dump)
    host.backup(str(dump))
    done = host.call("drill", "app", "disk")
    assert f"{live} has 1 tables" in done.stdout, done.stderr


def test_the_first_check_and_drill_are_spread_and_then_repeat(host: Restored) -> None:
    host.call("saved", "app", "disk")
    _set(host, "next-check", str(LONG_AGO))
    _set(host, "next-drill", str(LONG_AGO))
    done = host.call("saved", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "the repository of app is whole" in done.stdout
    assert "app can be restored from disk" in done.stdout
    saved = int((host.proofs / "app/disk/saved").read_text().split()[0])
    for what, days in (("check", 7), ("drill", 30)):
        wait = int((host.proofs / f"app/disk/next-{what}").read_text()) - saved
        assert days * DAY <= wait <= days * DAY + 60
    again = host.call("saved", "app", "disk")
    assert "can be restored" not in again.stdout


def test_a_failed_drill_fails_the_backup_but_the_backup_counts(host: Restored) -> None:
    _set(host, "next-check", str(9_000_000_000))
    _set(host, "next-drill", str(LONG_AGO))
    database = host.dumps / "sqlite/app/app.db"
    database.parent.mkdir(parents=True)
    database.write_text("this is no database")
    host.describe(dumps=[str(database)])
    host.backup(str(database))
    done = host.call("saved", "app", "disk")
    assert done.returncode == 1
    assert "damaged database" in done.stderr
    assert "the snapshot is saved, but app did not pass" in done.stderr
    assert (host.proofs / "app/disk/saved").exists()
    assert not (host.proofs / "app/disk/drilled").exists()
    assert (host.proofs / "app/disk/next-drill").read_text() == str(LONG_AGO)


def test_a_check_reads_one_part_of_the_data_and_finds_damage(host: Restored) -> None:
    host.describe(checkWeeks={"disk": 1})
    assert "part 1 of 1" in host.call("check", "app", "disk").stdout
    _damage(host)
    done = host.call("check", "app", "disk")
    assert done.returncode == 1
    assert "the repository of app is damaged" in done.stderr


def test_a_check_of_zero_weeks_reads_no_data(host: Restored) -> None:
    host.describe(checkWeeks={"disk": 0})
    done = host.call("check", "app", "disk")
    assert (done.returncode, "part" in done.stdout) == (0, False), done.stderr


def test_a_drill_leaves_nothing_behind(host: Restored) -> None:
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "2 files" in done.stdout
    assert [f.name for f in (host.top / "records").iterdir()] == [".lock"]


def test_a_drill_of_a_large_snapshot_restores_the_dumps_and_random_files(host: Restored) -> None:
    database = host.dumps / "sqlite/app/app.db"
    database.parent.mkdir(parents=True)
    host.database = database
    host.write("row")
    (host.data / "large").write_bytes(os.urandom(1_500_000))
    host.describe(dumps=[str(database)])
    host.backup(str(database))
    host.settings["HOMELAB_BACKUP_DRILL_MEGABYTES"] = "1"
    done = host.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "3 of 4 files" in done.stdout
    assert "1 dumps that open" in done.stdout


def test_a_drill_finds_a_torn_archive(host: Restored) -> None:
    archive = host.dumps / "dumps/app/influx.tar"
    archive.parent.mkdir(parents=True)
    (host.data / "long.txt").write_text("row\n" * 5000)
    subprocess.run(["tar", "-C", host.data, "-cf", archive, "."], check=True)
    host.describe(dumps=[str(archive)])
    host.backup(str(archive))
    assert host.call("drill", "app", "disk").returncode == 0
    archive.write_bytes(archive.read_bytes()[:9000])
    host.backup(str(archive))
    done = host.call("drill", "app", "disk")
    assert done.returncode == 1
    assert "influx.tar of this snapshot is a damaged archive" in done.stderr


def test_a_drill_finds_a_torn_database(host: Restored) -> None:
    database = host.dumps / "sqlite/app/app.db"
    database.parent.mkdir(parents=True)
    host.database = database
    host.write(*(f"row {n}" for n in range(5000)))
    host.describe(dumps=[str(database)])
    content = database.read_bytes()
    database.write_bytes(content[: len(content) // 2])
    host.backup(str(database))
    done = host.call("drill", "app", "disk")
    assert done.returncode == 1
    assert "damaged" in done.stderr


@pytest.fixture
def postgres(host: Restored) -> Iterator[Restored]:
    with cluster(host) as ask:
        need("initdb")
        ask("CREATE ROLE app LOGIN; CREATE DATABASE app OWNER app")
        ask("CREATE TABLE note (text text); ALTER TABLE note OWNER TO app", "app")
        dump = host.dumps / "postgresql/app.sql.gz"
        dump.parent.mkdir(parents=True)
        dump.write_bytes(gzip.compress(dumped(host).encode()))
        host.describe(postgresql=["app"], dumps=[str(dump)])
        yield host


def test_a_drill_loads_a_postgresql_dump_into_an_empty_cluster(postgres: Restored) -> None:
    dump = postgres.dumps / "postgresql/app.sql.gz"
    postgres.backup(str(dump))
    done = postgres.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "app has 1 tables" in done.stdout
    assert not [*Path(postgres.settings["HOMELAB_BACKUP_SCRATCH"]).glob("homelab-drill.*")]


def test_a_drill_finds_a_dump_that_opens_and_does_not_load(postgres: Restored) -> None:
    dump = postgres.dumps / "postgresql/app.sql.gz"
    text = gzip.decompress(dump.read_bytes()).decode()
    dump.write_bytes(gzip.compress(text.replace("text text", "text nonsense").encode()))
    postgres.backup(str(dump))
    done = postgres.call("drill", "app", "disk")
    assert done.returncode == 1
    assert "cannot be loaded" in done.stderr


def test_a_backup_that_is_too_old_is_named(host: Restored) -> None:
    host.call("saved", "app", "disk")
    assert host.call("fresh").returncode == 0
    assert host.call("status").stdout.strip() == ""
    _set(host, "saved", f"{LONG_AGO} 12345678")
    done = host.call("fresh")
    assert done.returncode == 1
    assert "app was last backed up to disk on 2023-11-14" in done.stderr
    assert host.call("status").stdout.strip().startswith("late app was last backed up to disk")


def test_a_backup_that_was_never_made_is_named_after_the_same_time(host: Restored) -> None:
    assert host.call("fresh").returncode == 0
    _set(host, "since", str(LONG_AGO))
    assert "app was never backed up to disk" in host.call("fresh").stderr


def test_the_times_are_metrics_that_prometheus_reads(host: Restored) -> None:
    metrics = host.top / "metrics"
    host.settings["HOMELAB_BACKUP_METRICS"] = str(metrics)
    host.call("saved", "app", "disk")
    text = (metrics / "homelab-backup.prom").read_text()
    assert 'homelab_backup_saved_timestamp_seconds{job="app",target="disk"} 1' in text
    need("promtool")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert "error" not in done.stderr


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    need("shellcheck")
    whole = tmp_path / "homelab-backup"
    whole.write_text(COMMAND[1])
    done = subprocess.run(
        ["shellcheck", "--norc", whole], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_the_end_of_the_program_names_what_it_removes_as_no_function_does() -> None:
    # A trap sees the local variables of the function in which the program ends.
    assert re.findall(r"^ *trap .*$", COMMAND[1], re.MULTILINE) == ["  trap at_end EXIT"]
    body = COMMAND[1].partition("\nat_end() {\n")[2].partition("\n}\n")[0]
    removed = set(re.findall(r"\$\{?(\w+)", body))
    assert removed == {
        *("leftover", "leftover_cluster", "leftover_container", "leftover_server"),
    }
    local = re.findall(r"^ *local (.*)$", COMMAND[1], re.MULTILINE)
    assert not [line for line in local if "leftover" in line]
