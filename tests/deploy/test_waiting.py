"""Scripts wait for news, and for nothing else."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.status import HostFacts
from tests.deploy.conftest import Machine

SCRIPTS = Path(scripts.__file__).with_name("scripts")
LONG = 60
"""Seconds that no wait of these tests may take."""


def with_library(text: str, *parts: str) -> str:
    """A script of a test, with the functions of ours."""
    names = ("lib", *parts)
    return "\n".join([*((SCRIPTS / f"{n}.sh").read_text() for n in names), text])


def deployment(machine: Machine, phase: str) -> Path:
    path = machine.state / "deployments/d1"
    path.mkdir(parents=True)
    (path / "phase").write_text(f"{phase}\n")
    (path / "release").write_text("r1\n")
    return path


def asks(machine: Machine, seen: str, seconds: int = LONG) -> subprocess.Popen[bytes]:
    """Ask for the status after the phase `seen`; returns once the host waits."""
    process = machine.start(scripts.status_script("r1", "d1", seen=seen, wait_seconds=seconds))
    end = time.monotonic() + LONG
    while not list(machine.root.glob("run/homelab-watch/*")):
        assert time.monotonic() < end, "it does not wait"
        time.sleep(0.01)
    return process


def answer(process: subprocess.Popen[bytes]) -> HostFacts:
    output, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, output
    return HostFacts.parse(output.decode())


def advance(machine: Machine, phase: str, before: str) -> None:
    machine.succeed(with_library(f"deployment=$state/deployments/d1\nadvance {phase} {before}\n"))


def test_a_status_comes_as_soon_as_the_phase_is_another(machine: Machine) -> None:
    deployment(machine, "activating")
    process = asks(machine, "activating")
    advance(machine, "awaiting", "activating")
    assert answer(process)["phase"] == "awaiting"
    assert not list(machine.root.glob("run/homelab-watch/*"))


def test_a_status_without_news_comes_at_the_end_of_the_wait(machine: Machine) -> None:
    deployment(machine, "activating")
    assert answer(asks(machine, "activating", 2))["phase"] == "activating"


def test_a_status_after_the_confirmation_comes_when_all_of_the_commit_is_written(
    machine: Machine,
) -> None:
    deployment(machine, "awaiting")
    process = asks(machine, "awaiting")
    advance(machine, "committing", "awaiting")
    advance(machine, "committed", "committing")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    machine.succeed(with_library('write "$state/current" r1\nannounce\n'))
    facts = answer(process)
    assert (facts["phase"], facts.release) == ("committed", "r1")


def test_a_phase_whose_watcher_was_killed_is_announced_to_the_others(machine: Machine) -> None:
    deployment(machine, "activating")
    killed = asks(machine, "activating")
    killed.kill()
    killed.communicate()
    process = asks(machine, "activating")
    advance(machine, "awaiting", "activating")
    assert answer(process)["phase"] == "awaiting"


def test_a_resolver_probe_does_not_wait_for_nc(machine: Machine) -> None:
    """nc stays for a second after the answer."""
    nc = machine.commands / "nc"
    real = machine.commands / "nc-that-ends"
    nc.rename(real)
    nc.write_text(f'#!/bin/sh\n"{real}" "$@"\nexec sleep {2 * LONG}\n')
    nc.chmod(0o755)
    begin = time.monotonic()
    script = "exec 9<>$root/a-lock\nflock 9\nPROBES='dns resolver example.org'\nanswering\n"
    assert machine.succeed(with_library(script, "probe")) == "resolver\n"
    # Nor does nc keep the lock of the script.
    machine.succeed(with_library("exec 9<>$root/a-lock\nflock -w 5 9\n"))
    assert time.monotonic() - begin < LONG


def test_a_switch_reports_the_notes_of_its_build_without_asking_again(machine: Machine) -> None:
    policy = DeployPolicy("pi")
    tree = {
        "flake.nix": "{ outputs = { self }: { nixosConfigurations.pi = import ./default.nix; }; }\n",
        "default.nix": "{ }\n",
    }
    machine.succeed(scripts.stage_script("r1", tree))
    machine.succeed(scripts.build_script("r1", policy))
    script = scripts.activate_script(
        "r1",
        "d1",
        policy,
        secrets_version="",
        paths=["lan"],
        activation_seconds=5,
        confirm_seconds=1,
    )
    # What the build would have said of a network that restarts.
    notes = machine.state / "releases/r1/notes"
    assert notes.read_text() == ""
    notes.write_text("  note: one\n  note: two\n")
    assert "  note: one\n  note: two\n" in machine.succeed(script)
    log = (machine.root / "var/log/homelab-lab.jsonl").read_text().splitlines()
    asked = [
        call["arguments"][1]
        for call in map(json.loads, log)
        if call["command"] == "switch-to-configuration" and call["arguments"][1] != "test"
    ]
    assert asked == ["check", "dry-activate"], "each other action runs the checks again"
