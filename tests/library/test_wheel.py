"""The wheel: built, installed into an empty project, and used there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests import build

UV = shutil.which("uv")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(UV is None, reason="uv builds and installs the wheel"),
]
RECORD = """
import json
import homelab
from homelab.testing import stack
recorded = stack("Pulumi.home.yaml").register(preview=False)
assert recorded.error == "", recorded.error
print(json.dumps({"from": homelab.__file__, "names": [r.name for r in recorded.resources]}))
"""


def done(*words: str | Path, cwd: Path, **more: str) -> str:
    finished = subprocess.run(
        [str(w) for w in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", **more},
    )
    assert finished.returncode == 0, f"{words}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the source distribution."""
    place = tmp_path_factory.mktemp("dist")
    finished = subprocess.run(
        [str(UV), "build", "--out-dir", str(place)],
        cwd=build.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode and "hatchling" in finished.stderr and "resolve" in finished.stderr:
        pytest.skip("the build backend cannot be fetched")
    assert finished.returncode == 0, finished.stderr
    (made,) = place.glob("*.whl")
    return made


def test_the_wheel_contains_exactly_the_package(wheel: Path) -> None:
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    there = {
        (Path(top) / file).relative_to(build.ROOT).as_posix()
        for top, _, files in os.walk(build.ROOT / "homelab", followlinks=True)
        for file in files
        if not top.endswith("__pycache__")
    }
    assert inside == there
    assert {"homelab/components/host.py", "homelab/lab/engine.py", "homelab/py.typed"} < inside
    assert {n.partition("/")[0] for n in inside} == {"homelab"}


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project with the wheel, a five-line program, and the files of a stack."""
    place = tmp_path_factory.mktemp("project")
    done(str(UV), "venv", "--quiet", "--python", sys.executable, "venv", cwd=place)
    python = place / "venv/bin/python"
    done(str(UV), "pip", "install", "--quiet", "--no-deps", "--python", python, wheel, cwd=place)
    # The wheel's dependencies are installed here. The editable install of the clone is left out.
    (own,) = (place / "venv").glob("lib/python*/site-packages")
    shared = Path(sysconfig.get_paths()["purelib"])
    for entry in shared.iterdir():
        ours = "homelab" in entry.name or entry.suffix == ".pth"
        if not ours and not (own / entry.name).exists():
            (own / entry.name).symlink_to(entry)
    for name in ("Pulumi.home.yaml", "homelab.lock.yaml", "hosts", "home", "secrets", "locks"):
        source = build.SHIPPED / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, place / name)
    shutil.copy(build.SHIPPED / "Pulumi.yaml", place)
    (place / "__main__.py").write_text(
        '"""My homelab."""\n\nfrom homelab import main\n\nmain()\n', encoding="utf-8"
    )
    return place


def test_only_our_own_name_is_installed(project: Path) -> None:
    (own,) = (project / "venv").glob("lib/python*/site-packages")
    assert sorted(p.name for p in own.iterdir() if not p.is_symlink() and p.name[0] != "_") == [
        "homelab",
        next(p.name for p in own.glob("homelab-*.dist-info")),
    ]


def test_a_stack_in_the_project_is_checked_and_registers_its_resources(project: Path) -> None:
    done(project / "venv/bin/homelab", "check", cwd=project)
    text = done(project / "venv/bin/python", "-c", RECORD, cwd=project)
    made = json.loads(text.splitlines()[-1])
    assert Path(made["from"]).is_relative_to(project)
    assert {"pi-switch", "music-dns", "tailnet-policy"} <= set(made["names"])


@pytest.mark.lab
def test_a_stack_in_the_project_comes_up_in_the_lab(project: Path) -> None:
    text = done(project / "venv/bin/homelab", "lab", "up", "--json", cwd=project)
    assert json.loads(text)["ok"]
    assert "::pi-switch" in text
