"""Every example, used from its own directory.

`<name>.txt` beside this file is the expected output of `homelab reach`, written by hand from the
owner's description.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab.ops.project.stack import check_stack, open_stack
from homelab.reach.plan import plan_reach
from homelab.reach.text import as_text
from homelab.system.plan import plan_hosts
from tests import build
from tests.tools.options import check_module, require_options
from tests.tools.programs import formatted

EXAMPLES = sorted(p.parent for p in (build.ROOT / "examples").glob("*/Pulumi.yaml"))
each = pytest.mark.parametrize("example", EXAMPLES, ids=[p.name for p in EXAMPLES])


def test_examples_exist() -> None:
    assert {"javiersc"} <= {p.name for p in EXAMPLES}


KNOWN = {
    "javiersc": {
        ("monitoring.ntfy", "alert-sent"),
        ("services.home-assistant.routes[0]", "access-apps"),
        ("services.home-assistant.routes[0]", "tunnel-upload"),
        ("services.jellyfin.routes[0]", "access-apps"),
        ("services.litellm.routes[0]", "access-apps"),
        ("services.ollama.routes[0]", "tunnel-upload"),
    },
    "lan": {
        ("datasets.photos", "irreplaceable-copies"),
        ("monitoring.ntfy", "alert-sent"),
        ("services.gatus.host", "monitor-independent"),
    },
    "mynixos": {("monitoring.ntfy", "alert-sent")},
    "nori": {
        ("services.gatus.host", "monitor-independent"),
        ("services.hermes.unit.environment.OPENAI_BASE_URL", "sleepy-dependency"),
        ("services.nixpkgs-agent.unit.environment.OPENAI_BASE_URL", "sleepy-dependency"),
    },
    "zakobar": {("monitoring.ntfy", "alert-sent"), ("services.nextcloud", "tunnel-upload")},
}
"""Expected warnings, which the owners accept."""


@each
def test_an_example_has_no_unexpected_problem(example: Path) -> None:
    _, problems = check_stack(example, example.name)
    assert {(p.where, p.check) for p in problems} == KNOWN.get(example.name, set())
    assert {p.severity for p in problems} <= {"warning"}


@each
@pytest.mark.requirement("S0-12", "S0-13", "S0-14", "S0-24", "S0-56", "S3-01")
def test_an_example_is_reached_as_expected(example: Path) -> None:
    """Names, ports, paths and gates."""
    lines = Path(__file__).with_name(f"{example.name}.txt").read_text("utf-8").splitlines()
    told = "\n".join(line for line in lines if not line.startswith("#"))
    plan, _ = check_stack(example, example.name)
    reach = plan_reach(plan)
    expected = re.sub(r"\n{3,}", "\n\n", told).strip()
    assert as_text(reach, reach.answers).strip() == expected


@each
def test_every_option_of_an_example_exists_with_its_type(example: Path) -> None:
    options = require_options()
    made = build.modules(example / f"Pulumi.{example.name}.yaml")
    plan, _ = check_stack(example, example.name)
    hosts = [h.name for h in plan_hosts(plan.stack).values() if h.is_nixos]
    assert hosts
    assert [p for h in hosts for m in made[h] for p in check_module(m, options)] == []


@each
def test_the_files_of_an_example_are_formatted(example: Path, tmp_path: Path) -> None:
    texts = [
        text
        for release in open_stack(example, example.name).releases.values()
        for path, text in release.files
        if path.endswith(".nix") and isinstance(text, str)
    ]
    assert texts
    assert formatted(tmp_path, texts) == []


@each
def test_an_example_is_a_complete_project_without_secrets(example: Path) -> None:
    for file in ("Pulumi.yaml", "__main__.py"):
        assert (example / file).read_bytes() == (build.ROOT / file).read_bytes()
    texts = [p.read_text("utf-8") for p in example.rglob("*") if p.is_file()]
    assert not [t for t in texts if "PRIVATE KEY" in t or "AGE-SECRET-KEY-" in t]


@pytest.mark.lab
@each
def test_an_example_comes_up_in_the_lab_and_the_second_up_changes_nothing(
    example: Path, tmp_path: Path
) -> None:
    place = tmp_path / example.name
    shutil.copytree(example, place, ignore=shutil.ignore_patterns(".homelab", "__pycache__"))
    first = _lab(place, "up")
    assert first["ok"]
    assert set(first["changes"]) == {"create"}
    again = _lab(place, "up")
    assert again["changes"] == {"same": first["changes"]["create"]}
    assert again["connections"] == {}
    assert _lab(place, "destroy")["ok"]


def _lab(place: Path, verb: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "homelab", "lab", verb, "--json"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(build.ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
