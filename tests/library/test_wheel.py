"""The wheel: built, installed into an empty project, and used there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import build

UV = shutil.which("uv")
PLAIN = 65534
"""The user `nobody`."""
pytestmark = [
    pytest.mark.long,
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


def install(place: Path, wheel: Path, python: str = sys.executable) -> None:
    """Make `place/venv` with the wheel. Its dependencies are those that are installed here; the
    editable install of the clone is left out.
    """
    done(str(UV), "venv", "--quiet", "--python", python, "venv", cwd=place)
    into = place / "venv/bin/python"
    done(str(UV), "pip", "install", "--quiet", "--no-deps", "--python", into, wheel, cwd=place)
    (own,) = (place / "venv").glob("lib/python*/site-packages")
    shared = Path(sysconfig.get_paths()["purelib"])
    for entry in shared.iterdir():
        ours = "homelab" in entry.name or entry.suffix == ".pth"
        if not ours and not (own / entry.name).exists():
            (own / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project with the wheel, a five-line program, and the files of a stack."""
    place = tmp_path_factory.mktemp("project")
    install(place, wheel)
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


@pytest.mark.long
def test_a_stack_in_the_project_comes_up_in_the_lab(project: Path) -> None:
    text = done(project / "venv/bin/homelab", "lab", "up", "--json", cwd=project)
    assert json.loads(text)["ok"]
    assert "::pi-switch" in text


@pytest.fixture
def newcomer(wheel: Path) -> Iterator[Path]:
    """A home directory, with the library in a venv and nothing else. A plain user owns it."""
    with tempfile.TemporaryDirectory(prefix="newcomer-") as made:
        place = Path(made)
        python = next(filter(is_open, PYTHONS), "")
        install(place, wheel, python or sys.executable)
        (place / "empty").mkdir()
        identity = "[user]\nname = Nora\nemail = nora@example.org\n"
        (place / ".gitconfig").write_text(identity, encoding="utf-8")
        if os.geteuid() == 0 and python:
            place.chmod(0o755)
            for path in (place, place / "empty"):
                os.chown(path, PLAIN, PLAIN)
        yield place


@pytest.mark.long
@pytest.mark.requirement("S0-80")
def test_a_plain_user_starts_from_nothing_and_the_printed_lines_work(newcomer: Path) -> None:
    began = time.monotonic()
    flags = ["--user", "nora", "--ssh-key", f"{build.OWNER} nora"]
    said = alone(newcomer, newcomer / "empty", ["homelab", "init", "mine", *flags])
    next_lines = said.partition("next:\n")[2].splitlines()
    words = [line.split()[0] for line in next_lines]
    assert words == ["cd", "homelab", "homelab", "python", "git"]
    typed = " && ".join(line.strip() for line in next_lines)
    printed = alone(newcomer, newcomer / "empty", ["sh", "-ec", typed])
    assert "3 passed" in printed
    assert " created\n" in printed
    assert time.monotonic() - began < 300
    found = {p.name for p in (newcomer / "empty/mine").iterdir()}
    assert {"Pulumi.home.yaml", "secrets", "flake.nix", ".github", "README.md"} <= found


PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")


def is_open(program: str) -> bool:
    """Whether every user may run a program."""
    path = Path(program).resolve()
    return path.exists() and all(p.stat().st_mode & 0o1 for p in (path, *path.parents))


def alone(place: Path, cwd: Path, words: list[str]) -> str:
    """The output of a command with a bare environment, as the user whose home directory it is."""
    owner = place.stat().st_uid
    who = {} if owner == os.geteuid() else {"user": owner, "group": owner, "extra_groups": []}
    finished = subprocess.run(
        words if words[0] == "sh" else [place / "venv/bin" / words[0], *words[1:]],
        cwd=cwd,
        env={"PATH": f"{place}/venv/bin:/usr/bin:/bin", "HOME": str(place)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **who,  # type: ignore[call-overload]
    )
    assert finished.returncode == 0, f"{words}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout
