"""What dumps cost, and how fast a restore is, as ratios in one run: `make bench-backup`.

The job of a service is compared with plain restic over the same directory, and `homelab-backup
in-place` with `restic restore`. All are real; only systemd is a stand-in. Seconds belong to a machine
and ratios do not. This is not a test, and no figure fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.backup.restores import Restored

ROWS = 200_000
FILES, SIZE = 2_000, 50_000


@dataclass(frozen=True)
class Figure:
    """One ratio, and what it compares."""

    name: str
    ratio: float
    detail: str


class Bench:
    """A host with a directory of files and a SQLite database, and an empty repository."""

    def __init__(self, top: Path) -> None:
        self.host = Restored(top)
        self.dump = self.host.dumps / "sqlite/app/app.db"
        self.dump.parent.mkdir(parents=True)
        for number in range(FILES):
            file = self.host.data / str(number % 20) / f"{number}.bin"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(os.urandom(SIZE))
        with sqlite3.connect(self.host.database) as made:
            made.execute("CREATE TABLE note (text)")
            texts = ((os.urandom(40).hex(),) for _ in range(ROWS))
            made.executemany("INSERT INTO note VALUES (?)", texts)
        self.host.describe(sqlite=[str(self.host.database)], dumps=[str(self.dump)])

    @property
    def repository(self) -> int:
        """Bytes of the repository."""
        files = (self.host.top / "repository").rglob("*")
        return sum(p.stat().st_size for p in files if p.is_file())

    def change(self, share: float) -> None:
        """A day of an app: some rows change."""
        with sqlite3.connect(self.host.database) as opened:
            opened.execute(
                "UPDATE note SET text = hex(randomblob(40)) WHERE rowid % ? = 0", (int(1 / share),)
            )

    def plain(self) -> None:
        """restic over the live files."""
        self.host.backup()

    def job(self) -> None:
        """The unit of the job: a dump, and restic without the live files."""
        self.dump.unlink(missing_ok=True)
        with sqlite3.connect(self.host.database) as opened:
            opened.execute("VACUUM INTO ?", (str(self.dump),))
        live = f"--exclude={self.host.database}*"
        self.host.backup(str(self.dump), live)

    def in_place(self) -> None:
        """`homelab restore --in-place`, and removing what it kept, which is not timed."""
        done = self.host.call("in-place", "app", "disk", "latest")
        assert done.returncode == 0, done.stderr

    def restic_restore(self) -> None:
        self.host.restic("restore", "latest", "--target", str(self.host.top / "plain"))

    def clean(self) -> None:
        shutil.rmtree(self.host.top / "plain", ignore_errors=True)
        for kept in self.host.data.parent.glob("app.before-*"):
            shutil.rmtree(kept)


def seconds(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def backups(runs: int, top: Path) -> list[Figure]:
    """Each variant has its own repository; the runs alternate."""
    first, second = Bench(top / "plain"), Bench(top / "job")
    first.plain()
    second.job()
    start = first.repository, second.repository
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for bench in (first, second):
            bench.change(0.01)
        times[0].append(seconds(first.plain))
        times[1].append(seconds(second.job))
    grown = first.repository - start[0], second.repository - start[1]
    plain, job = (statistics.median(t) for t in times)
    return [
        Figure(
            "seconds of a job with a dump, against restic alone",
            job / plain,
            f"{job:.2f} s, {plain:.2f} s",
        ),
        Figure(
            "bytes that a job adds with a dump, against live files",
            grown[1] / grown[0],
            f"{grown[1] // runs // 1000} kB, {grown[0] // runs // 1000} kB; 1 % of the rows change",
        ),
        Figure(
            "bytes of the first backup with a dump, against live files",
            start[1] / start[0],
            f"{start[1] // 1_000_000} MB, {start[0] // 1_000_000} MB",
        ),
    ]


def restores(runs: int, top: Path) -> Figure:
    """The same snapshot, by both ways in turn."""
    bench = Bench(top)
    bench.job()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        times[0].append(seconds(bench.in_place))
        bench.clean()
        times[1].append(seconds(bench.restic_restore))
        bench.clean()
    ours, plain = (statistics.median(t) for t in times)
    size = FILES * SIZE // 1_000_000
    return Figure(
        "throughput of restic restore, against a restore in place",
        ours / plain,
        f"{size / plain:.0f} MB/s, {size / ours:.0f} MB/s, with the checks and the swap",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as work:
        top = Path(work)
        figures = [*backups(options.runs, top), restores(options.runs, top / "restores")]
    if options.json:
        print(json.dumps([asdict(f) for f in figures], indent=2))
        return
    for figure in figures:
        print(f"{figure.ratio:6.2f}  {figure.name} ({figure.detail})")


if __name__ == "__main__":
    main()
