"""`homelab-backup` with paths: single files and directories of a snapshot, and their way back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.backup.restores import Restored

pytestmark = pytest.mark.long


@pytest.fixture
def host(tmp_path: Path) -> Restored:
    """A host whose job has saved some files, which then changed."""
    made = Restored(tmp_path)
    for name in ("notes.txt", "album/sea.jpg", "album/a*[1].jpg", "album/aX1.jpg"):
        (made.data / name).parent.mkdir(exist_ok=True)
        (made.data / name).write_text(f"first {name}")
    made.backup()
    for file in made.data.rglob("*.*"):
        file.write_text("second")
    return made


def kept(host: Restored, path: str, what: str = "before") -> Path:
    (found,) = (host.data / path).parent.glob(f"{Path(path).name}.{what}-*")
    return found


def test_one_file_goes_to_a_directory(host: Restored, tmp_path: Path) -> None:
    out, file = tmp_path / "out", host.data / "album/a*[1].jpg"
    done = host.call("files", "app", "disk", "latest", str(out), str(file))
    assert done.returncode == 0, done.stderr
    assert Path(f"{out}{file}").read_text() == "first album/a*[1].jpg"
    # Neither a pattern of restic nor anything beside it.
    assert [p for p in out.rglob("*") if p.is_file()] == [Path(f"{out}{file}")]
    assert file.read_text() == "second"
    assert not host.log.exists()
    assert f"  {out}{file}" in done.stdout


def test_one_file_comes_back_in_place_and_goes_back(host: Restored) -> None:
    file = host.data / "album/sea.jpg"
    done = host.call("in-place", "app", "disk", "latest", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "first album/sea.jpg"
    assert kept(host, "album/sea.jpg").read_text() == "second"
    assert str(kept(host, "album/sea.jpg")) in done.stdout
    assert (host.data / "notes.txt").read_text() == "second"
    log = host.log.read_text()
    assert log.index("stop app.service") < log.index("start app.service")
    assert not [*host.top.rglob("*.restoring-*")]

    done = host.call("undo", "app")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "second"
    assert kept(host, "album/sea.jpg", "undone").read_text() == "first album/sea.jpg"


def test_a_directory_and_a_file_are_restored_together(host: Restored) -> None:
    (host.data / "album/new.jpg").write_text("new")
    asked = (host.data / "album", host.data / "album/sea.jpg", f"{host.data}/./notes.txt")
    done = host.call("in-place", "app", "disk", "latest", *map(str, asked))
    assert done.returncode == 0, done.stderr
    assert (host.data / "album/aX1.jpg").read_text() == "first album/aX1.jpg"
    assert (host.data / "notes.txt").read_text() == "first notes.txt"
    assert not (host.data / "album/new.jpg").exists()
    assert (kept(host, "album") / "new.jpg").read_text() == "new"
    assert host.call("undo", "app").returncode == 0
    assert (host.data / "album/new.jpg").read_text() == "new"
    assert (host.data / "notes.txt").read_text() == "second"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_gone_gets_its_directories_and_owners_back(host: Restored) -> None:
    file = host.data / "deep/er/file"
    file.parent.mkdir(parents=True)
    file.write_text("first")
    for made in (host.data, file.parent.parent, file.parent, file):
        os.chown(made, 990, 990)
    file.parent.chmod(0o2775)
    host.backup()
    shutil.rmtree(file.parent.parent)
    # The user has another number on this host.
    os.chown(host.data, 991, 992)
    done = host.call("in-place", "app", "disk", "latest", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "first"
    for made in (file.parent.parent, file.parent, file):
        assert (made.stat().st_uid, made.stat().st_gid) == (991, 992), made
    assert file.parent.stat().st_mode & 0o7777 == 0o2775
    assert host.call("undo", "app").returncode == 0
    assert not file.exists()


def test_a_database_comes_from_its_dump_without_what_the_present_one_wrote(
    host: Restored, tmp_path: Path
) -> None:
    dump = host.dumps / "sqlite/app/app.db"
    dump.parent.mkdir(parents=True)
    host.write("first")
    shutil.copy(host.database, dump)
    host.describe(sqlite=[str(host.database)], dumps=[str(dump)])
    host.backup("--exclude", f"{host.database}*", str(dump))
    host.write("second")
    host.database.chmod(0o640)
    Path(f"{host.database}-wal").write_bytes(b"of the present one")
    done = host.call("in-place", "app", "disk", "latest", str(host.database))
    assert done.returncode == 0, done.stderr
    assert host.rows() == ["first"]
    assert host.database.stat().st_mode & 0o777 == 0o640
    assert not Path(f"{host.database}-wal").exists()
    assert kept(host, "app.db-wal").read_bytes() == b"of the present one"
    assert (host.data / "notes.txt").read_text() == "second"
    assert host.call("undo", "app").returncode == 0
    assert Path(f"{host.database}-wal").read_bytes() == b"of the present one"
    Path(f"{host.database}-wal").unlink()
    assert host.rows() == ["second"]

    out = tmp_path / "out"
    done = host.call("files", "app", "disk", "latest", str(out), str(host.database))
    assert done.returncode == 0, done.stderr
    assert host.rows(Path(f"{out}{host.database}")) == ["first"]


def test_a_damaged_database_of_a_path_changes_nothing(host: Restored) -> None:
    dump = host.dumps / "sqlite/app/app.db"
    dump.parent.mkdir(parents=True)
    host.write("first")
    dump.write_bytes(host.database.read_bytes()[:5000])
    host.describe(sqlite=[str(host.database)], dumps=[str(dump)])
    host.backup("--exclude", f"{host.database}*", str(dump))
    done = host.call("in-place", "app", "disk", "latest", str(host.data))
    assert (done.returncode, host.log.exists()) == (1, False)
    assert "is a damaged database" in done.stderr
    assert host.rows() == ["first"]


def test_a_path_that_cannot_be_put_in_place_is_refused_before_anything_stops(
    host: Restored, tmp_path: Path
) -> None:
    (host.data / "link").symlink_to("notes.txt")
    (host.data / "kept").mkdir()
    (host.data / "kept/file").write_text("first")
    host.describe(byHand=[f"{host.data}/export"])
    (host.data / "export").mkdir()
    host.backup()
    shutil.move(host.data / "album", tmp_path / "elsewhere")
    (host.data / "album").symlink_to(tmp_path / "elsewhere")
    shutil.rmtree(host.data / "kept")
    (host.data / "kept").write_text("a file now")
    for path, words in {
        "/etc/passwd": "is outside of what app backs up",
        f"{host.data}/../other": "is outside of what app backs up",
        f"{host.data}/nothing": "does not have",
        f"{host.data}/link": "is a symlink in the snapshot",
        f"{host.data}/album/sea.jpg": "leads through a link",
        f"{host.data}/album": "is a dir in the snapshot and a symlink here",
        f"{host.data}/kept": "is a dir in the snapshot and a file here",
        f"{host.data}/export": "only app itself can load",
        f"{host.data}": "only app itself can load",
        "notes.txt": "is absolute",
        f"{host.data}/a\nb": "control character",
    }.items():
        done = host.call("in-place", "app", "disk", "latest", path)
        assert (done.returncode, host.log.exists()) == (1, False), path
        assert words in done.stderr, done.stderr
    assert (tmp_path / "elsewhere/sea.jpg").read_text() == "second"
    assert not [*host.top.rglob("*.restoring-*")]


def test_files_of_a_container_s_database_are_refused(host: Restored) -> None:
    inside = {"kind": "mysql", "database": "a", "user": "root", "container": "db", "dump": "/d"}
    host.describe(inside=[{**inside, "directory": f"{host.data}/album"}])
    for path in (host.data, host.data / "album", host.data / "album/sea.jpg"):
        done = host.call("in-place", "app", "disk", "latest", str(path))
        assert (done.returncode, host.log.exists()) == (1, False)
        assert "come from its dump" in done.stderr
    assert host.call("in-place", "app", "disk", "latest", f"{host.data}/notes.txt").returncode == 0


def test_one_file_needs_room_for_itself_only(host: Restored, tmp_path: Path) -> None:
    (host.data / "large").write_bytes(bytes(3000))
    host.backup()
    host.program("df", "#!/bin/sh\necho Avail; echo 2000\n")
    done = host.call("in-place", "app", "disk", "latest", f"{host.data}/notes.txt")
    assert done.returncode == 0, done.stderr
    for words in (("in-place",), ("files", str(tmp_path / "out"))):
        where = words[1:]
        done = host.call(words[0], "app", "disk", "latest", *where, f"{host.data}/large")
        assert done.returncode == 1
        assert "MiB free, and what is restored has" in done.stderr


@pytest.mark.parametrize("step", ["out", "in"])
def test_a_power_cut_in_the_restore_of_a_file_leaves_it_as_before(
    host: Restored, step: str
) -> None:
    cut = f'#!/bin/bash\nif grep -qs "^{step}.*sea" "$2"/steps; then kill -9 $PPID; fi\n'
    host.program("sync", cut)
    file = host.data / "album/sea.jpg"
    assert host.call("in-place", "app", "disk", "latest", str(file)).returncode == -9
    (host.bin / "sync").unlink()
    done = host.call("resume")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "second"
    assert not [*host.top.rglob("*.restoring-*")]
