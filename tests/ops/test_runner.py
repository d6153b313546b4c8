"""The script that switches are run by (`homelab.ops.deploy.runner`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.ops.deploy.runner import COMMAND, RUNNER, VARIABLE, RunnerError, write_runner


def run(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The text of a switch, as the command provider runs it."""
    return subprocess.run(
        ["/bin/sh", "-c", f"{COMMAND} {' '.join(words)}"],
        cwd=directory,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "name",
    ["$HOME `x`", *(pytest.param(n, marks=pytest.mark.long) for n in ("plain", "a blank", "it's"))],
)
def test_it_runs_this_homelab_wherever_the_project_lies(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "up" / name
    directory.mkdir(parents=True)
    # Neither a module of the project nor one of where somebody stands is taken for ours.
    (directory / "homelab.py").write_text("raise SystemExit('not this one')\n")
    write_runner(directory)
    done = run(directory, "switch", "--help")
    assert done.returncode == 0, done.stderr
    assert "Switch one host to its release" in done.stdout


def test_the_environment_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "my venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho mine >&2\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    write_runner(tmp_path)
    done = run(tmp_path, "switch", "--help")
    assert (done.returncode, done.stderr) == (0, "mine\n")


def test_it_lies_where_a_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "else where" / "run"
    monkeypatch.setenv(VARIABLE, str(place))
    project = tmp_path / "project"
    project.mkdir()
    assert write_runner(project) == place
    assert not (project / RUNNER).exists()
    assert run(project, "switch", "--help", **{VARIABLE: str(place)}).returncode == 0
    assert run(project, "switch", "--help").returncode != 0


def test_it_is_written_once_and_anew_when_the_environment_is_another(tmp_path: Path) -> None:
    path = write_runner(tmp_path)
    before = path.stat().st_mtime_ns
    assert write_runner(tmp_path).stat().st_mtime_ns == before
    path.write_text("exit 3\n")
    write_runner(tmp_path)
    assert run(tmp_path, "switch", "--help").returncode == 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_said_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / ".homelab").write_text("a file")
    with pytest.raises(RunnerError, match=VARIABLE):
        write_runner(tmp_path)
    shutil.rmtree(tmp_path)
