"""Planning opens no file and no socket, starts no process, and imports nothing that could."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "pulumi",
    "pulumi_cloudflare",
    "pulumi_command",
    "pulumi_tailscale",
    "asyncssh",
    "homelab.lab",
)


def modules_after(statement: str) -> set[str]:
    """The modules that a new interpreter has loaded after a statement."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{statement}\nimport sys, json; print(json.dumps(list(sys.modules)))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@cache
def of_planning_and_checks() -> tuple[set[str], set[str]]:
    """The modules of planning, and those with every check: one interpreter for both."""
    first = modules_after(
        f"import {PLANNING}, sys; of_planning = list(sys.modules)\n"
        "from homelab.checks import all_checks; all_checks()\n"
        "sys.modules |= {f'planning:{name}': None for name in of_planning}"
    )
    planning = {m.removeprefix("planning:") for m in first if m.startswith("planning:")}
    return planning, {m for m in first if not m.startswith("planning:")}


PLANNING = "homelab.plan, homelab.checks, homelab.render, homelab.config.load, homelab.catalog"


def test_planning_imports_nothing_that_does_io() -> None:
    loaded, _ = of_planning_and_checks()
    assert not loaded & {*HEAVY, "subprocess", "multiprocessing"}
    assert not [
        m for m in loaded if m.startswith(("homelab.ops", "homelab.components", "homelab.lab"))
    ]


def test_checks_import_nothing_that_does_io() -> None:
    _, loaded = of_planning_and_checks()
    assert not loaded & {*HEAVY, "subprocess"}


def test_the_command_line_starts_without_pulumi_or_ssh() -> None:
    loaded = modules_after("import homelab.cli.app")
    assert not loaded & {*HEAVY, "yaml", "pydantic"}


def test_planning_checking_and_rendering_touch_no_file_and_no_network() -> None:
    """After loading and reading, only memory is used."""
    program = """
import json, sys
from homelab.checks import all_checks, run_checks
from homelab.ops.project.stack import check_sources, read_sources
from homelab.planner import make_plan
from homelab.render import render
from homelab.config.document import read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from pathlib import Path

all_checks()
stacks = [read_document(Path("tests/shipped/Pulumi.home.yaml"))]
first = make_plan(load_stack_config(stacks[0]), Lock())
sources, _ = read_sources(Path("tests/shipped"), first)
render(first, sources), run_checks(first), check_sources(first, sources)  # late imports

touched = []

def hook(event, arguments):
    if event.split(".")[0] in ("open", "socket", "subprocess", "os", "shutil", "pathlib", "glob"):
        touched.append((event, repr(arguments)[:200]))

sys.addaudithook(hook)
plan = make_plan(load_stack_config(stacks[0]), Lock())
run_checks(plan)
check_sources(plan, sources)
releases = render(plan, sources)
seen = list(touched)
print(json.dumps({"touched": seen, "hosts": len(releases)}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["touched"] == []
    assert said["hosts"] >= 5


@pytest.mark.long
def test_the_import_contracts_hold() -> None:
    """The import contracts in pyproject.toml, as in `make check`."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
