"""`homelab attic token`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import build, stackdir
from tests.cli.test_cli import call

__all__ = ["call"]
pytestmark = pytest.mark.requirement("S1-17")
ATTIC: dict[str, Any] = {"services": {"cache": {"service": "atticd", "host": "nas"}}}
WORDS = ("attic", "token", "kim's laptop", "--pull", "*", "--push", "main")


def test_it_prints_the_command_that_runs_on_the_host(call: Any, tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, ATTIC)
    said = call(*WORDS)
    assert said.code == 0
    assert said.out == (
        "homelab ssh nas -- atticd-atticadm make-token --sub 'kim'\"'\"'s laptop' "
        "--validity 1y --pull '*' --push main\n"
    )


def test_a_deployer_without_root_uses_sudo(call: Any, tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, {**ATTIC, "hosts": {"nas": {"ssh": {"user": "sam"}}}})
    assert " -- sudo atticd-atticadm make-token " in call(*WORDS).out


@pytest.mark.parametrize(
    ("changes", "words", "code", "told"),
    [
        ({}, WORDS, 1, "no host of the stack runs Attic; add services: {atticd: {host: …}}"),
        (ATTIC, WORDS[:3], 2, "the token would allow nothing; add --pull, --push"),
        (ATTIC, (*WORDS, "--service", "cach"), 2, 'did you mean "cache"'),
        (
            {"services": {**ATTIC["services"], "other": {"service": "atticd", "host": "pi"}}},
            WORDS,
            2,
            "several services are Attic; add --service cache or other",
        ),
    ],
)
def test_a_wrong_call_says_what_to_write(
    call: Any, tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...], code: int, told: str
) -> None:
    stackdir.write_stack(tmp_path, changes)
    said = call(*words)
    assert (said.code, told in said.err) == (code, True), said.err


def test_no_token_is_in_the_plan_or_in_a_file_of_a_host() -> None:
    """The server keeps none; its key signs them, and only its host has the key."""
    plan = build.plan(ATTIC)
    names = {s.name for s in plan.secrets.on("nas") if s.service == "cache"}
    assert names == {"cache-token"}
    text = json.dumps(build.render(ATTIC)["nas"])
    assert "make-token" not in text
