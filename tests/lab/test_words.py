"""In the lab, messages of the stack tell what to do in the lab."""

from __future__ import annotations

import pytest
import typer

from homelab.cli import app
from homelab.deploy.leaving import after_retiring
from lab import words
from lab.words import of_the_lab
from tests import build
from tests.household import household


def test_every_command_that_the_lab_has_too_is_told_as_the_labs() -> None:
    every = typer.main.get_command(app)
    lab = {*every.commands["lab"].commands}  # type: ignore[attr-defined]
    assert {*every.commands} & lab == {*words.HOMELAB}  # type: ignore[attr-defined]
    assert {"up", "preview", "destroy", "refresh", "stack"} & lab == {*words.PULUMI}
    for name in words.HOMELAB:
        assert of_the_lab(f"see `homelab {name} nas`") == f"see `homelab lab {name} nas`"
    for name in words.PULUMI:
        assert of_the_lab(f"then pulumi {name}") == f"then homelab lab {name}"


@pytest.mark.parametrize(
    "text", ["homelab lab status", "homelab check", "the homelab stack", "pulumi upstream"]
)
def test_nothing_else_is_put_in_other_words(text: str) -> None:
    assert of_the_lab(text) == text


def test_the_steps_after_retiring_a_lab_host_touch_nothing_real() -> None:
    plan = build.plan(household({"hosts": {"aurora": {"state": "retired"}}}))
    host = plan.hosts["aurora"]
    real = "\n".join(after_retiring(plan, host))
    assert "pulumi up" in real
    assert "--host-key" in real
    said = of_the_lab("\n".join(words.after_retiring(plan, host)))
    assert "pulumi" not in said
    assert "--host-key" not in said
    assert "sops" not in said
    assert "next: homelab lab up, which forgets it" in said
    assert "homelab lab destroy" in said
