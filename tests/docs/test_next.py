"""The last lines of `make lab` work in a shell without uv and homelab on PATH."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from homelab.cli.app import app
from tests.build import ROOT

STUB = '#!/bin/sh\necho "$(basename "$0") $*" >>"$(dirname "$0")/../../called"\n'


def _program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(STUB)
    path.chmod(0o755)


@pytest.mark.parametrize("has_uv", [True, False])
def test_each_line_works_as_printed(tmp_path: Path, has_uv: bool) -> None:
    clone = tmp_path / "a clone"
    _program(clone / ".venv/bin/homelab")
    _program(clone / ".tools/bin/uv")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "basename", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    if has_uv:
        _program(tools / "uv")
    said = subprocess.run(
        ["bash", ROOT / ".ci/next.sh", "home"],
        cwd=clone,
        # As called by make: its own uv is first on PATH.
        env={"PATH": f"{clone}/.tools/bin:{tools}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert ("fetched" in said) is not has_uv
    subprocess.run(
        ["bash", "-eu", "-c", "\n".join([*lines, "uv --version"])],
        cwd=clone,
        env={"PATH": str(tools)},
        check=True,
    )
    called = (clone / "called").read_text().splitlines()
    assert [c.split()[0] for c in called if not c.startswith("uv")] == ["homelab"] * 4
    group = typer.main.get_command(app)
    for call in called:
        words = call.split()[1 : call.split().index("-s")] if "-s" in call else []
        here = group
        for word in words:
            here = here.commands[word]  # type: ignore[attr-defined]
    assert "homelab lab destroy -s home" in called
