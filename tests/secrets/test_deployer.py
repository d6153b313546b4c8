"""What `pulumi up` itself needs: said by `homelab check`, before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.ops.project.stack import check_stack
from homelab.problems import Problem
from tests import stackdir

FILE = "secrets/deploy.yaml"
KEY = "ENC[AES256_GCM,data:AAAA,iv:x,tag:x,type:str]"
SOPS = "sops:\n  mac: ENC[]\n"
IDS = ("secret-deployer", "secret-plaintext")


def said(directory: Path) -> list[Problem]:
    _, problems = check_stack(directory, stackdir.NAME)
    return [p for p in problems if p.check in IDS]


def test_a_file_that_has_every_key_is_fine(tmp_path: Path) -> None:
    assert said(stackdir.write_stack(tmp_path)) == []


def test_a_file_that_is_not_there_is_said_with_what_it_is_for(tmp_path: Path) -> None:
    directory = stackdir.write_stack(tmp_path)
    (directory / FILE).unlink()
    (problem,) = said(directory)
    assert problem.severity == "warning", "a preview does without"
    assert (
        problem.what == f"there is no {FILE}, and pulumi up needs cloudflare/token, master from it"
    )
    assert problem.way_out == "create it: homelab secret set --missing"


def test_a_key_that_is_not_in_the_file_is_said(tmp_path: Path) -> None:
    directory = stackdir.write_stack(tmp_path)
    (directory / FILE).write_text(f"cloudflare: {{tokn: '{KEY}'}}\nmaster: '{KEY}'\n{SOPS}")
    (problem,) = said(directory)
    assert (problem.where, problem.severity) == ("cloudflare.token", "warning")
    assert problem.what == f'{FILE} has no key "cloudflare/token", which pulumi up needs'
    assert problem.way_out.startswith('did you mean "cloudflare/tokn"?')
    assert problem.way_out.endswith("set it: homelab secret set cloudflare/token")


def test_a_slash_in_a_reference_is_a_level_of_the_file(tmp_path: Path) -> None:
    """A key that has one in its name is another key, and sops-nix finds none."""
    directory = stackdir.write_stack(tmp_path)
    (directory / FILE).write_text(f"cloudflare/token: '{KEY}'\nmaster: '{KEY}'\n{SOPS}")
    (problem,) = said(directory)
    assert problem.what == f'{FILE} has no key "cloudflare/token", which pulumi up needs'
    assert problem.way_out.endswith("set it: homelab secret set cloudflare/token")


@pytest.mark.parametrize(
    ("text", "where", "what", "way_out"),
    [
        ("master: super-secret\n", "secrets.file", "is not encrypted", "sops encrypt -i"),
        (
            f"cloudflare: {{token: '{KEY}'}}\nmaster: super-secret\n{SOPS}",
            "secrets.master",
            f"master is not encrypted in {FILE}",
            "remove unencrypted_suffix and encrypted_regex",
        ),
    ],
)
def test_a_secret_in_clear_is_refused_and_not_shown(
    tmp_path: Path, text: str, where: str, what: str, way_out: str
) -> None:
    directory = stackdir.write_stack(tmp_path)
    (directory / FILE).write_text(text)
    (problem,) = said(directory)
    assert (problem.where, problem.severity) == (where, "error")
    assert what in problem.what
    assert way_out in problem.way_out
    assert "super-secret" not in str(problem)


OP: dict[str, Any] = {"op": "op://vault/item/field"}


def test_a_stack_that_needs_none_of_it_needs_no_file(tmp_path: Path) -> None:
    changes = {"secrets": {"master": {**OP, "sops": None}}, "cloudflare": None}
    directory = stackdir.write_stack(tmp_path, changes)
    (directory / FILE).unlink()
    assert said(directory) == []
