"""Real sanoid reads the settings of both ends of a replica; a stand-in for zfs writes down what it
asks for.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.storage.test_zfs_replicas import COPY, PREFIX, SOURCE, option, photos
from tests.tools.programs import at

DAY = 86400
NOW = int(time.time())
DEFAULTS = Path("/usr/share/sanoid/sanoid.defaults.conf")


def asked(host: str, directory: Path, snapshots: Mapping[str, int]) -> list[str]:
    """What sanoid makes and deletes on a host with these snapshots (name: days old)."""
    program = at("sanoid")
    configured = option(photos(keep={"daily": 3}), host, "services.sanoid.datasets", directory)
    (directory / "sanoid.conf").write_text(
        "\n".join(
            f"[{dataset}]\n" + "\n".join(f"{k}={_word(v)}" for k, v in kept.items()) + "\n"
            for dataset, kept in configured.items()
        )
    )
    (directory / "sanoid.defaults.conf").write_text(DEFAULTS.read_text())
    rows = [f"{name}\tcreation\t{NOW - days * DAY - 60}\t-" for name, days in snapshots.items()]
    (directory / "rows").write_text("".join(f"{row}\n" for row in rows))
    zfs = directory / "zfs"
    zfs.write_text(
        "#!/bin/sh\n"
        f'case $1 in get) cat {directory}/rows ;; *) echo "$*" >>{directory}/asked ;; esac\n'
    )
    zfs.chmod(0o755)
    (directory / "asked").touch()
    done = subprocess.run(
        [
            *(program, "--cron", "--configdir", str(directory)),
            *("--cache-dir", str(directory / "cache"), "--run-dir", str(directory / "run")),
        ],
        env={**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return (directory / "asked").read_text().splitlines()


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def daily(dataset: str, days: int) -> str:
    then = time.strftime("%Y-%m-%d_%H:%M:%S", time.gmtime(NOW - days * DAY - 60))
    return f"{dataset}@autosnap_{then}_daily"


@pytest.mark.requirement("S0-39")
def test_the_receiver_deletes_what_is_too_old_and_makes_nothing(tmp_path: Path) -> None:
    held = {daily(COPY, days): days for days in range(6)}
    carried = {f"{COPY}@{PREFIX}2026-01-01T00:00:00Z": 300}
    done = asked("nas", tmp_path, held | carried)
    assert sorted(done) == sorted(f"destroy {daily(COPY, days)}" for days in (3, 4, 5))


@pytest.mark.requirement("S0-39")
def test_the_receiver_keeps_the_last_ones_of_a_sender_that_is_gone(tmp_path: Path) -> None:
    """However old they are."""
    assert asked("nas", tmp_path, {daily(COPY, days): days for days in (100, 101, 102)}) == []


@pytest.mark.requirement("S0-38")
def test_the_sender_makes_snapshots(tmp_path: Path) -> None:
    done = asked("aurora", tmp_path, {})
    assert [line.split("@")[0] for line in done] == [f"snapshot {SOURCE}"] * len(done)
    assert {line.rpartition("_")[2] for line in done} == {"daily", "weekly", "monthly"}
