"""Drills of dumps of the host's own MySQL: they load into a throwaway server, which is removed."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.backup.restores import Restored
from tests.tools.programs import at, need

pytestmark = [
    pytest.mark.long,
    pytest.mark.requirement("S0-36"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the user mysql"),
]


class Forum(Restored):
    """A host with a MariaDB, which `mysql` without a socket reaches, and a job that dumps one database."""

    def start(self, place: Path) -> None:
        self.place = place
        self.scratch = place / "scratch"
        self.scratch.mkdir()
        self.scratch.chmod(0o711)
        self.settings["HOMELAB_BACKUP_SCRATCH"] = str(self.scratch)
        data, self.socket = place / "data", place / "socket"
        for made in (place, data):
            made.mkdir(exist_ok=True)
            shutil.chown(made, "mysql")
        made_db = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"]
        made_db += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(made_db, cwd="/", capture_output=True, check=True)
        words = ["--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={self.socket}"]
        words += ["--skip-networking", "--innodb-buffer-pool-size=8M", f"--pid-file={place}/pid"]
        self.server = subprocess.Popen(
            [at("mariadbd"), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        program = shutil.which("mysql")
        here = f"exec {program} --no-defaults --socket={self.socket} --user=root"
        self.program(
            "mysql", f'#!/bin/bash\n[ "$1" != --no-defaults ] || exec {program} "$@"\n{here} "$@"\n'
        )
        for _ in range(300):
            if self.sql("SELECT 1").returncode == 0:
                break
            time.sleep(0.1)
        self.sql(
            "CREATE DATABASE forum; USE forum; CREATE TABLE post (text text); CREATE TABLE `od``d` (n int);"
            "INSERT INTO post VALUES ('first'), ('second'); CREATE VIEW newest AS SELECT * FROM post;"
            "CREATE EVENT tidy ON SCHEDULE EVERY 1 SECOND DO DELETE FROM post;"
            "CREATE USER gone; GRANT ALL ON forum.* TO gone;"
            "CREATE DEFINER = gone PROCEDURE two() SELECT 2; DROP USER gone"
        )
        self.dump = self.dumps / "dumps/app/mysql-forum.sql"
        self.dump.parent.mkdir(parents=True)
        self.describe(mysql=["forum"], dumps=[str(self.dump)])
        reach = ["--no-defaults", f"--socket={self.socket}", "--user=root"]
        whole = ["--single-transaction", "--routines", "--events", "--databases", "forum"]
        made_dump = ["mysqldump", *reach, *whole]
        self.dump.write_bytes(subprocess.run(made_dump, capture_output=True, check=True).stdout)
        self.backup(str(self.dump))

    def sql(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "mysql", "--batch", "--skip-column-names", "--execute", text],
            capture_output=True,
            text=True,
            check=False,
        )

    def servers(self) -> list[str]:
        """The command lines of servers in the scratch directory."""
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                lines.append(file.read_text(errors="replace").replace("\0", " "))
        return [line for line in lines if f"--datadir={self.scratch}" in line]


@pytest.fixture
def forum() -> Iterator[Forum]:
    for program in ("mariadb-install-db", "mysql", "mysqldump"):
        need(program)
    # Another user cannot enter the directories of pytest.
    with TemporaryDirectory() as top, TemporaryDirectory() as place:
        made = Forum(Path(top))
        try:
            made.start(Path(place))
            yield made
        finally:
            made.server.kill()
            made.server.wait()


def test_a_drill_loads_the_dump_of_a_mysql_of_the_host_into_an_empty_server(forum: Forum) -> None:
    done = forum.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert "forum loads, with 2 rows in 2 tables" in done.stdout
    assert (forum.servers(), [*forum.scratch.iterdir()]) == ([], [])
    assert forum.sql("SELECT count(*) FROM forum.post").stdout == "2\n"


def test_a_drill_finds_a_dump_of_a_mysql_of_the_host_that_does_not_load(forum: Forum) -> None:
    text = forum.dump.read_text()
    forum.dump.write_text(text.replace("`text` text", "`text` nonsense"))
    forum.backup(str(forum.dump))
    done = forum.call("drill", "app", "disk")
    assert done.returncode == 1
    assert "the dump of forum in the snapshot of" in done.stderr
    assert "cannot be loaded" in done.stderr
    assert (forum.servers(), [*forum.scratch.iterdir()]) == ([], [])
    assert forum.sql("SELECT count(*) FROM forum.post").stdout == "2\n"


def test_a_drill_loads_no_mysql_dump_without_room_and_says_so(forum: Forum) -> None:
    forum.program("df", "#!/bin/sh\nprintf 'Avail\\n209715200\\n'\n")
    done = forum.call("drill", "app", "disk")
    assert done.returncode == 0, done.stderr
    assert f"the MySQL dumps were not loaded: {forum.scratch} has 200 MiB free" in done.stdout
    assert "loads" not in done.stdout


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_throwaway_mysql_outlives_a_drill_that_is_killed(
    forum: Forum, how: signal.Signals
) -> None:
    waits = shlex.quote(str(forum.top / "waits"))
    real = (forum.bin / "mysql").read_text()
    # It loads the dump at last, and never ends.
    stop = f'case "$*" in *scratch*-names) touch {waits}; exec sleep 60 ;; esac\n'
    forum.program("mysql", real.replace("#!/bin/bash\n", f"#!/bin/bash\n{stop}"))
    drill = subprocess.Popen(
        ["bash", forum.script, "drill", "app", "disk"],
        env=forum.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(600):
        if (forum.top / "waits").exists():
            break
        time.sleep(0.1)
    assert forum.servers()
    # The shell waits for the program that it runs. A kill reaches the shell alone.
    drill.send_signal(how) if how == signal.SIGKILL else os.killpg(drill.pid, how)
    drill.wait(timeout=30)
    for _ in range(100):
        if not forum.servers():
            break
        time.sleep(0.1)
    assert forum.servers() == []
    if how == signal.SIGTERM:
        assert [*forum.scratch.iterdir()] == []
    else:
        os.killpg(drill.pid, signal.SIGKILL)
