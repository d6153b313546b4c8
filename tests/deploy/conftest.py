"""A host without a network: real bash, real files, and the lab's stand-ins for NixOS."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.lab.host_commands import machine as machines

DF = """#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted"
for directory; do
  case $directory in -*) continue ;; esac
  total=102400000 free=51200000
  while read -r prefix all left; do
    [ "$prefix" != . ] || prefix=
    case $directory/ in "$HOMELAB_ROOT$prefix"/*) total=$all free=$left ;; esac
  done <"$HOMELAB_ROOT/df"
  echo "/dev/x $total 0 $free 1% /"
done
"""
"""Its file systems have the sizes that a test writes, and room enough without: those of the computer
with the tests have nothing to say.
"""


@dataclass
class Machine:
    """A host's root, and a shell on it."""

    root: Path
    commands: Path
    numbers: count[int] = field(default_factory=count)

    @property
    def state(self) -> Path:
        return self.root / "var/lib/homelab"

    @property
    def environment(self) -> dict[str, str]:
        return machines.environment(self.root, self.commands)

    def new_release(self) -> str:
        return f"r{next(self.numbers)}"

    def start(self, script: str, **environment: str) -> subprocess.Popen[bytes]:
        """Send a script and do not wait; in a group of its own, so that a test may kill it."""
        process = subprocess.Popen(
            scripts.shell().split(),
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdin
        process.stdin.write(script.encode())
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, script: str, **environment: str) -> tuple[int, str]:
        """Send a script; its exit status, and all it said."""
        process = self.start(script, **environment)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output.decode()

    def succeed(self, script: str, **environment: str) -> str:
        status, output = self.run(script, **environment)
        assert status == 0, output
        return output


def make_machine(directory: Path) -> Machine:
    commands = directory / "bin"
    machines.install(commands)
    root = directory / "hosts/pi/root"
    machines.make_root(root, "pi", commands)
    df = commands / "df"
    df.unlink(missing_ok=True)
    df.write_text(DF)
    df.chmod(0o755)
    (root / "df").write_text("")
    return Machine(root, commands)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return make_machine(tmp_path)


@pytest.fixture(scope="session")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One host for many examples, each with a release of its own."""
    return make_machine(tmp_path_factory.mktemp("machine"))
