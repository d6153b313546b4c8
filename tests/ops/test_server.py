"""Switches run in the program's process, and in one of their own when the program does not serve."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab.ops.deploy import offline
from homelab.ops.deploy.runner import COMMAND, write_runner
from homelab.ops.deploy.server import serve_switches
from homelab.ops.deploy.switch import Report

LONG = json.dumps({"host": "pi", "note": "é" * 300_000})


class Program:
    """A program that serves switches, and takes the place of `homelab switch`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.specs: list[str] = []
        self.begun, self.ended = threading.Event(), threading.Event()
        self.waits = False
        """Whether a switch goes on until it is cancelled."""
        write_runner(directory, serve_switches())

    async def carry_out(
        self, spec_json: str, environment: Mapping[str, str], *, report: Report
    ) -> int:
        self.specs.append(spec_json)
        report(f"dial map {environment.get('HOMELAB_DIAL')}\non two lines")
        self.begun.set()
        try:
            if self.waits:
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            report("interrupted")
            return 1
        finally:
            self.ended.set()
        return 3

    def start(self, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {COMMAND} switch pi"],
            cwd=self.directory,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts background jobs with interrupts ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 it takes no lock
        )
        assert process.stdin
        process.stdin.write(LONG)
        process.stdin.close()
        process.stdin = None
        return process


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setattr(offline, "carry_out", made.carry_out)
    return made


def ran_alone(process: subprocess.Popen[str]) -> bool:
    """Whether it became `homelab switch`, which refuses our spec."""
    _, errors = process.communicate(timeout=60)
    return process.returncode == 2 and "note: " in errors


def test_a_switch_runs_in_the_program_with_its_report_and_exit_code(program: Program) -> None:
    process = program.start(HOMELAB_DIAL="/dial.json")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (3, "dial map /dial.json\non two lines\n")
    assert program.specs == [LONG]


def test_an_interrupted_switch_is_cancelled_and_says_so(program: Program) -> None:
    program.waits = True
    process = program.start()
    assert program.begun.wait(60)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.splitlines()[-1]) == (1, "interrupted")


def test_a_killed_switch_is_cancelled(program: Program) -> None:
    program.waits = True
    process = program.start()
    assert program.begun.wait(60)
    process.kill()
    assert program.ended.wait(60)
    process.communicate()


def test_a_program_that_has_ended_leaves_the_switch_to_its_runner(program: Program) -> None:
    write_runner(program.directory, program.directory / "nothing serves here")
    assert ran_alone(program.start())
    assert program.specs == []


@pytest.mark.long
def test_a_program_that_ends_meanwhile_leaves_the_switch_to_its_runner(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends(spec_json: str, environment: Mapping[str, str], *, report: Report) -> int:
        raise OSError("the connection ends without an exit code")

    monkeypatch.setattr(offline, "carry_out", ends)
    assert ran_alone(program.start())


@pytest.mark.long
def test_a_runner_with_another_ssh_agent_switches_alone(program: Program) -> None:
    assert ran_alone(program.start(SSH_AUTH_SOCK="/another"))
    assert program.specs == []


def test_only_this_user_reaches_the_switches() -> None:
    assert serve_switches().parent.stat().st_mode & 0o777 == 0o700
    assert serve_switches() == serve_switches()
