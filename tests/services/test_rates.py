"""Rates by the time of day: the unit, its script against Transmission, and the checks."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import build

SCRIPT = build.ROOT / "homelab/services/rates.sh"
DAY = {"start": "08:00", "end": "00:00", "down": 50000, "up": 0}
NIGHT = {"start": "00:00", "end": "08:00", "down": 50000, "up": 50000}


def stack(*windows: object, **service: object) -> dict[str, Any]:
    return {"services": {"transmission": {"host": "nas", "schedule": [*windows], **service}}}


def rates(*windows: object) -> str:
    """The generated file."""
    return build.render(stack(*windows))["nas"]["rates.nix"]


def arguments(*windows: object) -> list[str]:
    """The arguments of the script in the generated unit."""
    found = re.search(r"lib/rates\.sh\} (.*)", rates(*windows))
    assert found
    return found[1].split()


@pytest.mark.requirement("S3-14")
def test_a_timer_sets_the_rates_at_the_start_of_each_window_and_of_the_service() -> None:
    text = rates(DAY, NIGHT)
    assert '"*-*-* 00:00:00"' in text
    assert '"*-*-* 08:00:00"' in text
    assert 'wantedBy = [ "transmission.service" ];' in text
    # Other rates start the timer anew, which sets them at the switch.
    other = rates({**DAY, "up": 10}, NIGHT)
    assert re.findall("restartTriggers = [^;]*;", other) != re.findall(
        "restartTriggers = [^;]*;", text
    )


@pytest.mark.requirement("S3-15")
def test_the_button_for_other_limits_pauses_by_hand() -> None:
    text = rates(DAY, NIGHT)
    assert "alt-speed-down = 0;" in text
    assert "alt-speed-up = 0;" in text
    assert "alt-speed-time-enabled = false;" in text


def test_without_a_schedule_nothing_sets_rates() -> None:
    assert "rates.nix" not in build.render(stack())["nas"]
    file = build.render(stack())["nas"]["services/transmission.nix"]
    assert "alt-speed" not in file


class Daemon:
    """A Transmission of its own, and the script that sets its rates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.rpc = f"http://127.0.0.1:{self.port}/transmission/rpc"
        command = ["transmission-daemon", "-f", "-g", str(directory), "-p", str(self.port)]
        more = ["--rpc-bind-address", "127.0.0.1", "-i", "127.0.0.1", "-P", "0", "--no-dht"]
        self.process = subprocess.Popen(
            [*command, *more, "--no-portmap", "--no-lpd"], stdout=-3, stderr=-3
        )

    def session(self) -> dict[str, Any]:
        """Its settings."""
        request = urllib.request.Request(self.rpc, b'{"method": "session-get"}')
        for _ in range(100):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    found: dict[str, Any] = json.load(answer)["arguments"]
                    return found
            except urllib.error.HTTPError as error:
                request.add_header(
                    "X-Transmission-Session-Id", error.headers["X-Transmission-Session-Id"]
                )
            except OSError:
                time.sleep(0.1)
        raise AssertionError("it does not answer")

    def limits(self) -> dict[str, int | None]:
        """Its limits in kB/s; None is no limit."""
        found = self.session()
        return {
            way: found[f"speed-limit-{way}"] if found[f"speed-limit-{way}-enabled"] else None
            for way in ("down", "up")
        }

    def set_at(self, now: str, *windows: object) -> subprocess.CompletedProcess[str]:
        """Run the unit's script at a time of the day."""
        tools = self.directory / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "date").write_text(f"#!/bin/sh\necho {now}\n")
        (tools / "date").chmod(0o755)
        name, _, *rest = arguments(*windows)
        words = [name, self.rpc, *rest]
        return subprocess.run(
            ["bash", "-e", "-c", f". {SCRIPT} {' '.join(words)}"],
            env={"PATH": f"{tools}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if not all(map(shutil.which, ("transmission-daemon", "curl", "jq"))):
        pytest.skip("no transmission-daemon, curl or jq here")
    made = Daemon(tmp_path_factory.mktemp("transmission"))
    try:
        made.session()
        yield made
    finally:
        made.process.terminate()
        made.process.wait(timeout=30)


THREE = (
    {"start": "22:30", "end": "06:00"},
    {"start": "06:00", "end": "09:09", "down": 100},
    {"start": "09:09", "end": "22:30", "down": 0, "up": 20},
)


@pytest.mark.requirement("S3-14")
@pytest.mark.parametrize(
    ("windows", "now", "down", "up"),
    [
        ((DAY, NIGHT), "0300", 50000, 50000),
        ((DAY, NIGHT), "0000", 50000, 50000),
        ((DAY, NIGHT), "0759", 50000, 50000),
        ((DAY, NIGHT), "0800", 50000, 0),
        ((DAY, NIGHT), "2359", 50000, 0),
        (THREE, "0559", None, None),
        (THREE, "0600", 100, None),
        (THREE, "0909", 0, 20),
        (THREE, "2230", None, None),
        (({"start": "12:00", "end": "12:00", "up": 5},), "0001", None, 5),
    ],
)
def test_transmission_gets_the_rates_of_the_window(
    daemon: Daemon, windows: tuple[object, ...], now: str, down: int | None, up: int | None
) -> None:
    ran = daemon.set_at(now, *windows)
    assert ran.returncode == 0, ran.stderr
    assert daemon.limits() == {"down": down, "up": up}


def test_a_service_that_does_not_answer_fails_the_unit(tmp_path: Path) -> None:
    if not all(map(shutil.which, ("curl", "jq"))):
        pytest.skip("no curl or jq here")
    daemon_of_nobody = object.__new__(Daemon)
    daemon_of_nobody.directory = tmp_path
    daemon_of_nobody.rpc = "http://127.0.0.1:1/transmission/rpc"
    # The script's curl tries for half a minute; here it gives up after its first pause.
    curl = tmp_path / "tools/curl"
    curl.parent.mkdir()
    curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} "$@" --retry-max-time 1\n')
    curl.chmod(0o755)
    ran = daemon_of_nobody.set_at("0300", DAY, NIGHT)
    assert ran.returncode == 1
    assert "its RPC does not answer" in ran.stderr


GAPS: dict[str, tuple[list[object], list[str]]] = {
    "a whole day": ([DAY, NIGHT], []),
    "over midnight": ([{"start": "20:00", "end": "04:00"}, {"start": "04:00", "end": "20:00"}], []),
    "one window": ([{"start": "06:00", "end": "06:00"}], []),
    "a gap": (
        [DAY, {**NIGHT, "end": "07:15"}],
        ["no window covers 07:15 to 08:00 (45 minutes)"],
    ),
    "a gap over midnight": (
        [{"start": "00:30", "end": "23:45"}],
        ["no window covers 23:45 to 00:30 (45 minutes)"],
    ),
    "an overlap": (
        [DAY, {**NIGHT, "end": "08:01"}],
        ["two windows cover 08:00 to 08:01 (1 minute)"],
    ),
    "the same twice": ([DAY, NIGHT, NIGHT], ["two windows cover 00:00 to 08:00 (480 minutes)"]),
    "a gap and an overlap": (
        [{"start": "08:00", "end": "23:00"}, {"start": "22:00", "end": "07:00"}],
        [
            "no window covers 07:00 to 08:00 (60 minutes)",
            "two windows cover 22:00 to 23:00 (60 minutes)",
        ],
    ),
}


@pytest.mark.requirement("S3-14")
@pytest.mark.parametrize("case", GAPS)
def test_the_windows_cover_each_minute_once(case: str) -> None:
    windows, expected = GAPS[case]
    found = build.found(stack(*windows), "schedule-covers-day")
    assert [p.what for p in found] == expected
    assert {p.where for p in found} <= {"services.transmission.schedule"}


@pytest.mark.requirement("S3-15")
@pytest.mark.parametrize("option", ["alt-speed-enabled", "alt-speed-time-enabled"])
def test_other_limits_beside_a_schedule_are_an_error(option: str) -> None:
    options = {"services.transmission.settings": {option: True}}
    (problem,) = build.found(stack(DAY, NIGHT, options=options), "turtle-reserved")
    assert f"{option} is true" in problem.what
    assert not build.found(stack(options=options), "turtle-reserved")
    off = {"services.transmission.settings": {option: False}}
    assert not build.found(stack(DAY, NIGHT, options=off), "turtle-reserved")
