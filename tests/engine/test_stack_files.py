"""The shipped stack files are written as Pulumi writes them, by Pulumi itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from homelab.ops.project.stack import check_stack
from tests import build, stackdir
from tests.engine.conftest import ADDRESSES, at_loopback

pytestmark = pytest.mark.requirement("S0-67")

FILES = sorted(
    [build.SHIPPED / "Pulumi.home.yaml", *(build.ROOT / "examples").glob("*/Pulumi.*.yaml")],
    key=lambda p: p.name,
)


@pytest.mark.parametrize("file", FILES, ids=[p.name for p in FILES])
def test_making_the_stack_adds_a_salt_and_changes_nothing_else(file: Path, tmp_path: Path) -> None:
    if shutil.which("pulumi") is None:
        pytest.skip("not on PATH: pulumi")
    project, state = tmp_path / "project", tmp_path / "state"
    for directory in (project, state):
        directory.mkdir()
    for name in ("Pulumi.yaml", file.name):
        shutil.copy(file.parent / name, project)
    subprocess.run(
        ["pulumi", "stack", "init", file.name.split(".")[1], "--non-interactive"],
        cwd=project,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")},
            "PULUMI_HOME": str(tmp_path / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "only a test's",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
        capture_output=True,
        check=True,
    )
    lines = (project / file.name).read_text("utf-8").splitlines()
    salt = [line for line in lines if line.startswith("encryptionsalt: ")]
    assert len(salt) == 1
    assert [line for line in lines if line not in salt] == file.read_text("utf-8").splitlines()


@pytest.mark.parametrize("file", FILES, ids=[p.name for p in FILES])
def test_no_value_is_an_alias_which_pulumi_would_write_out(file: Path) -> None:
    """Also without Pulumi."""
    events = yaml.parse(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    assert [e.start_mark.line + 1 for e in events if isinstance(e, yaml.AliasEvent)] == []


def test_the_stack_that_the_real_engine_runs_passes_every_check(tmp_path: Path) -> None:
    """Also without Pulumi."""
    hosts = {n: {"address": {"lan": a, "tailnet": b}} for n, (a, b) in ADDRESSES.items()}
    stackdir.write_stack(tmp_path, at_loopback(hosts))
    _, problems = check_stack(tmp_path, stackdir.NAME)
    assert [str(p) for p in problems if p.severity == "error"] == []
