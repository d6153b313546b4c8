"""The wheel in a project of its own, under the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.library.test_wheel import UV, install, wheel

from .conftest import Real
from .test_program import EVERYTHING, of, services

__all__ = ["wheel"]

PROGRAM = """import homelab
import pulumi

homelab.main()
pulumi.export("library", homelab.__file__)
"""
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(UV is None, reason="uv builds and installs the wheel"),
]


def test_a_project_with_the_wheel_and_five_lines_is_previewed(
    real: Real, wheel: Path, tmp_path: Path
) -> None:
    place = tmp_path / "installed"
    place.mkdir()
    install(place, wheel)
    real.environment["UV_PROJECT_ENVIRONMENT"] = str(place / "venv")
    real.environment.pop("PYTHONPATH", None)
    real.write(services())
    (real.directory / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    preview = real.run("preview")
    assert preview.ok, preview.text
    assert {*of("pi", *EVERYTHING), *of("nas", *EVERYTHING)} <= preview.steps.keys()
    assert str(place / "venv") in preview.text.partition("Outputs:")[2]
