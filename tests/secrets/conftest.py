"""Fixtures: a stack on disk with an operator's real age key, and a sops that can use it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from homelab.cli import app
from tests import stackdir
from tests.household import Changes

REAL = shutil.which("sops")


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@dataclass(frozen=True)
class Bench:
    """A stack on disk, the operator's key, and the record of every call of sops."""

    directory: Path
    recipient: str
    call: Call
    words: Path
    is_real: bool

    def write(self, changes: Changes) -> None:
        """Write the stack again, with these changes and its sops files."""
        files = {p: p.read_bytes() for p in (self.directory / "secrets").glob("*.yaml")}
        stackdir.write_stack(self.directory, with_operator(changes, self.recipient))
        for path in (self.directory / "secrets").glob("*.yaml"):
            path.unlink()
        for path, data in files.items():
            path.write_bytes(data)

    def read(self, file: str) -> str:
        """The text of a file, decrypted with the operator's key by sops."""
        done = subprocess.run(
            ["sops", "decrypt", file],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def with_operator(changes: Changes, recipient: str) -> Changes:
    secrets = changes.get("secrets", {})
    assert isinstance(secrets, dict)
    return {**changes, "secrets": {"operators": [recipient], **secrets}}


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.skipif(
    REAL is None, reason="sops is not on PATH"
))])  # fmt: skip
def bench(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    """The smallest stack, without any sops file yet."""
    identity = pyrage.x25519.Identity.generate()
    keys = tmp_path / "keys.txt"
    keys.write_text(f"# created: now\n{identity}\n")
    keys.chmod(0o600)
    recipient = str(identity.to_public())
    directory = stackdir.write_stack(tmp_path / "stack", with_operator({}, recipient))
    for file in (directory / "secrets").glob("*.yaml"):
        file.unlink()
    tool, words = tmp_path / "bin" / "sops", tmp_path / "words"
    tool.parent.mkdir()
    program = Path(__file__).with_name("sops.py")
    run = REAL if request.param == "real" else f"{sys.executable} {program}"
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{words}\nenv >>{words}\nexec {run} "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(keys))
    for name in ("SOPS_AGE_KEY", "XDG_CONFIG_HOME", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(directory)

    def call(*words: str, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["homelab", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = 0
        try:
            app.main()
        except SystemExit as end:
            code = int(end.code or 0) if not isinstance(end.code, str) else 1
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return Bench(directory, recipient, call, words, request.param == "real")
