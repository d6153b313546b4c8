"""Fixtures: `homelab init` as a person without a key, a terminal and other programs runs it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab.cli import app
from homelab.ops.secrets import generate

OWNER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILPRUDjD+j+EsJr3GHOST6sfS0z5Ii4mbUP9DG3iqAqK nora"
CLOUDFLARE = (
    "--cloudflare-zone", "example.org",
    "--cloudflare-zone-id", "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "--cloudflare-account", "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
)  # fmt: skip
TAILNET = ("--tailnet", "tail1a2b3.ts.net")
BASE = ("--user", "nora", "--email", "nora@example.org", "--ssh-key", OWNER)


class Terminal(io.StringIO):
    """Standard input of a person at a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs `homelab` in an empty directory, with an empty home directory."""
    for name in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "XDG_CONFIG_HOME", "PULUMI_STACK",
                 "SOPS_AGE_SSH_PRIVATE_KEY_FILE", "TZ"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "person").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    # Each `init` hashes a password, which is meant to cost: a test of secrets has the real memory.
    monkeypatch.setattr(generate, "ARGON2_KIB", 64)
    monkeypatch.chdir(tmp_path / "work")

    def run(*words: str, stdin: str = "", terminal: bool = False) -> Said:
        monkeypatch.setattr(sys, "argv", ["homelab", *words])
        monkeypatch.setattr(sys, "stdin", (Terminal if terminal else io.StringIO)(stdin))
        code = 0
        try:
            app.main()
        except SystemExit as end:
            code = int(end.code or 0) if not isinstance(end.code, str) else 1
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
