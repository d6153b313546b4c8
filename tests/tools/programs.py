"""Real programs for tests: a missing one skips the test, or fails it in CI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest


def need(program: str) -> None:
    """Skip the test if the program is missing. In CI, which installs all of them, fail it."""
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not on PATH, and CI installs it")
        pytest.skip(f"{program} is not on PATH")


def need_here(program: str) -> None:
    """Skip the test if a program that Debian lacks is missing, also in CI."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on PATH")


def at(program: str) -> str:
    """The path of a program of Debian, also in sbin. As `need` if it is missing."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        need(program)
    return found or program


def run(
    *words: str | Path, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    need(str(words[0]))
    return subprocess.run(
        [str(w) for w in words], input=stdin, cwd=cwd, capture_output=True, text=True, check=False
    )


def evaluate(expression: str, cwd: Path) -> Any:
    """The value of a Nix expression."""
    path = cwd / "expression.nix"
    path.write_text(expression, encoding="utf-8")
    done = run("nix-instantiate", "--eval", "--json", "--strict", path, cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def formatted(directory: Path, texts: Sequence[str]) -> list[str]:
    """The output of nixfmt for files with these texts; empty if all are formatted."""
    paths = []
    for i, text in enumerate(texts):
        path = directory / f"file-{i}.nix"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    done = run("nixfmt", "--check", *paths)
    if done.returncode == 0:
        return []
    bad = []
    for path in paths:
        if run("nixfmt", "--check", path).returncode:
            before = path.read_text(encoding="utf-8")
            run("nixfmt", path)
            bad.append(f"--- ours\n{before}--- nixfmt\n{path.read_text(encoding='utf-8')}")
    return bad
