"""Staging, secrets and builds on a host, also when killed or run concurrently."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from tests.deploy.conftest import Machine

FLAKE = {
    "flake.nix": "{ outputs = { self }: { nixosConfigurations.pi = import ./default.nix; }; }\n",
    "default.nix": "{ }\n",
}


def eventually(happens: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def shim(directory: Path, name: str, body: str) -> None:
    """Put a command before the real one on PATH."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_release_staged_twice_is_left_alone(machine: Machine) -> None:
    machine.succeed(scripts.stage_script("r1", FLAKE))
    before = [p.stat() for p in sorted((machine.state / "releases/r1").rglob("*"))]
    assert "already there" in machine.succeed(scripts.stage_script("r1", FLAKE))
    assert [p.stat().st_mtime_ns for p in sorted((machine.state / "releases/r1").rglob("*"))] == [
        s.st_mtime_ns for s in before
    ]


def test_a_killed_stage_leaves_no_partial_release(machine: Machine, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    shim(slow, "base64", "sleep 600")
    script = scripts.stage_script("r1", {**FLAKE, "late": b"\xff"})
    process = machine.start(script, PATH=f"{slow}:{machine.environment['PATH']}")
    eventually(lambda: list((machine.state / "releases").glob(".r1.*/flake/flake.nix")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (machine.state / "releases/r1").exists()

    machine.succeed(script)
    releases = machine.state / "releases"
    assert [p.name for p in releases.iterdir()] == ["r1"]
    assert (releases / "r1/flake/late").read_bytes() == b"\xff"


def test_a_script_that_finds_the_host_locked_names_the_holder(
    machine: Machine, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    shim(slow, "nixos-rebuild", "sleep 600")
    machine.succeed(scripts.stage_script("r1", FLAKE))
    build = scripts.build_script("r1", DeployPolicy("pi"))
    process = machine.start(build, PATH=f"{slow}:{machine.environment['PATH']}")
    eventually((machine.state / "releases/r1/log").exists)
    try:
        status, output = machine.run(scripts.stage_script("r2", FLAKE, lock_seconds=0))
        assert status == 1
        assert f"held by building release r1 (pid {process.pid}" in output
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    machine.succeed(scripts.stage_script("r2", FLAKE, lock_seconds=0))


def test_a_script_waits_for_the_one_before_it(machine: Machine, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    gate = tmp_path / "gate"
    shim(
        slow, "base64", f'while [ ! -e {gate} ]; do sleep 0.05; done; PATH={os.defpath} base64 "$@"'
    )
    first = machine.start(
        scripts.stage_script("r1", {"late": b"\xff"}), PATH=f"{slow}:{machine.environment['PATH']}"
    )
    eventually(lambda: list((machine.state / "releases").glob(".r1.*")))
    second = machine.start(scripts.stage_script("r2", FLAKE))
    gate.touch()
    assert first.wait(60) == 0
    assert second.wait(60) == 0
    assert (machine.state / "releases/r2/flake/flake.nix").exists()


def test_a_secret_is_in_no_process_argument_and_no_other_file(
    machine: Machine, tmp_path: Path
) -> None:
    watched, seen = tmp_path / "watched", tmp_path / "seen"
    for tool in (
        "cat",
        "chmod",
        "cmp",
        "touch",
        "mkdir",
        "mktemp",
        "ln",
        "rm",
        "diff",
        "base64",
        "find",
        "sync",
        "mv",
        "dirname",
        "readlink",
        "flock",
        "date",
        "tr",
        "head",
    ):
        real = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout
        shim(watched, tool, f'printf "%s\\n" "{tool} $*" >>{seen}\nexec {real.strip()} "$@"')
    path = f"{watched}:{machine.environment['PATH']}"
    poison = {"plain": "p0ison-one", "binary": "p0ison-two\x01"}
    for release in ("r1", "r1", "r2"):
        output = machine.succeed(scripts.secrets_script(release, poison), PATH=path)
        assert "p0ison" not in output
    assert "mktemp" in seen.read_text()
    assert "p0ison" not in seen.read_text()
    holding = {
        p.name for p in machine.root.rglob("*") if p.is_file() and b"p0ison" in p.read_bytes()
    }
    assert holding == set(poison)


def test_an_unchanged_secret_keeps_its_modification_time(machine: Machine) -> None:
    machine.succeed(scripts.secrets_script("r1", {"same": "1", "other": "1"}))
    for name in ("same", "other"):
        os.utime(machine.state / "secrets/r1" / name, (1, 1))
    machine.succeed(scripts.secrets_script("r1", {"same": "1", "other": "2"}))
    assert (machine.state / "secrets/r1/same").stat().st_mtime == 1
    assert (machine.state / "secrets/r1/other").stat().st_mtime > 1


def test_secrets_placed_twice_change_nothing(machine: Machine) -> None:
    script = scripts.secrets_script("r1", {"a/b": "1"})
    machine.succeed(script)
    before = (machine.state / "secrets/r1").readlink()
    assert "already there" in machine.succeed(script)
    assert (machine.state / "secrets/r1").readlink() == before


def test_an_unused_secret_is_removed(machine: Machine) -> None:
    machine.succeed(scripts.secrets_script("r1", {"old": "1", "kept": "1"}))
    machine.succeed(scripts.secrets_script("r1", {"kept": "1"}))
    left = [p for p in (machine.state / "secrets").rglob("*") if p.is_file()]
    assert {p.name for p in left} == {"kept"}


def test_the_running_release_keeps_its_secrets_until_the_switch(machine: Machine) -> None:
    machine.succeed(scripts.secrets_script("r1", {"token": "old"}))
    (machine.state / "current").write_text("r1\n")
    machine.succeed(scripts.secrets_script("r1", {"token": "new"}))
    assert (machine.state / "secrets/r1/token").read_text() == "old"
    assert (machine.state / "secrets/.next.r1/token").read_text() == "new"
    # Rotated back before a switch: nothing is pending.
    machine.succeed(scripts.secrets_script("r1", {"token": "old"}))
    assert not (machine.state / "secrets/.next.r1").is_symlink()


def test_a_build_leaves_its_result_in_the_release(machine: Machine) -> None:
    machine.succeed(scripts.stage_script("r1", FLAKE))
    output = machine.succeed(scripts.build_script("r1", DeployPolicy("pi"), ["--show-trace"]))
    result = (machine.state / "releases/r1/result").resolve()
    assert (result / "bin/switch-to-configuration").exists()
    assert output == f"built {result}\n"
    log = machine.root / "var/log/homelab-lab.jsonl"
    built = log.read_text().count("nixos-rebuild")
    machine.succeed(scripts.build_script("r1", DeployPolicy("pi"), ["--show-trace"]))
    assert log.read_text().count("nixos-rebuild") == built, "what is built is not built again"


def test_a_failed_build_shows_its_end_and_no_line_that_hangs_pulumi(machine: Machine) -> None:
    machine.succeed(scripts.stage_script("r1", FLAKE))
    (machine.root.parent / "faults.json").write_text('{"build": "fail"}')
    status, output = machine.run(scripts.build_script("r1", DeployPolicy("pi")))
    assert status == 1
    assert "error: builder for 'pi' failed" in output
    assert "releases/r1/log" in output
    assert max(map(len, output.splitlines())) < 64 * 1024


@pytest.mark.requirement("S4-33")
def test_a_build_prints_what_it_will_do_if_the_stack_says_so(machine: Machine) -> None:
    """An evaluation error appears before anything is built."""
    policy = DeployPolicy("pi", dry_run=True)
    machine.succeed(scripts.stage_script("r1", FLAKE))
    output = machine.succeed(scripts.build_script("r1", policy))
    assert output.startswith("this derivation will be built\nbuilt ")
    machine.succeed(scripts.stage_script("r2", {"flake.nix": "{ }\n"}))
    status, output = machine.run(scripts.build_script("r2", policy))
    assert status == 1
    assert "no default.nix" in output
    assert "nixos-rebuild dry-build failed for pi" in output
    log = (machine.root / "var/log/homelab-lab.jsonl").read_text().splitlines()
    asked = [line["arguments"][0] for line in map(json.loads, log) if "rebuild" in line["command"]]
    assert asked == ["dry-build", "build", "dry-build"]


def test_a_build_before_its_staging_says_so(machine: Machine) -> None:
    status, output = machine.run(scripts.build_script("r1", DeployPolicy("pi")))
    assert status == 1
    assert "release r1 is not staged here" in output
