"""Flags and names of a command that do not fit: the message says which, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from pydantic import TypeAdapter, ValidationError

from homelab.cli.app import app
from homelab.config.base import Name
from homelab.ops.hosts import known_host, named
from homelab.policy.baseline import BASELINE
from homelab.problems import UsageError
from tests import build
from tests.cli.test_cli import call

__all__ = ["call"]

LAPTOP = {
    "hosts": {
        "macbook": {
            "kind": "home-manager",
            "platform": "aarch64-darwin",
            "state_version": "25.11",
            "home": "home/sam.nix",
        }
    }
}


@pytest.mark.parametrize("find", [named, known_host])
def test_a_host_without_nixos_is_not_called_unknown(find: Any) -> None:
    plan = build.plan(LAPTOP)
    with pytest.raises(UsageError, match="macbook is managed by home-manager only") as found:
        find(plan, "macbook")
    assert "Hosts: " in str(found.value)
    with pytest.raises(UsageError, match='there is no host "mcbook"'):
        find(plan, "mcbook")


@pytest.mark.parametrize(
    ("further", "flag"), [(("--from", "unstable"), "--from"), (("--url", "github:a/b"), "--url")]
)
def test_remove_excludes_the_flags_of_a_new_pin(
    call: Any, further: tuple[str, ...], flag: str
) -> None:
    said = call("pin", "immich", "--remove", *further)
    assert said.code == 2
    assert said.err == f"error: --remove and {flag} exclude each other; leave one out\n"


def test_a_rotated_service_that_does_not_exist_is_named(call: Any) -> None:
    said = call("lock", "--rotate", "nosuch")
    assert said.code == 2
    assert '--rotate nosuch: there is no service "nosuch"' in said.err


def test_the_list_of_the_security_baseline_has_its_rules(call: Any) -> None:
    said = call("check", "--security", "--list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines() if line[:1] != " "] == [
        rule.id for rule in BASELINE
    ]
    rows = json.loads(call("check", "--security", "--list", "--json").out)
    assert [row["id"] for row in rows] == [rule.id for rule in BASELINE]
    assert json.loads(call("check", "--list", "--json").out)[0]["id"] not in {r["id"] for r in rows}


@pytest.mark.parametrize(("length", "wrong"), [(63, False), (64, True)])
def test_a_name_that_is_too_long_is_told_its_length(length: int, *, wrong: bool) -> None:
    with pytest.raises(ValidationError) as found:
        TypeAdapter(Name).validate_python("a" * length if wrong else "-" * length)
    said = "this name has 64 characters; use at most 63" if wrong else "this is not a name"
    assert said in str(found.value)
    assert TypeAdapter(Name).validate_python("a" * 63)


ONCE = {("init", "--service")}
"""Options that take several values to refuse all but one."""


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*words, name))


def test_the_help_shows_whether_an_option_or_word_may_be_repeated() -> None:
    """As `NAME…`, and never as a list, which nobody types."""
    shown = 0
    for words, command in _commands(typer.main.get_command(app)):
        for parameter in command.params:
            repeats = getattr(parameter, "multiple", False) or parameter.nargs == -1
            option = parameter.opts[0]
            if repeats:
                shown += 1
                word = str(parameter.metavar or "").strip("[]")
                once = (words[-1], option) in ONCE
                assert word, (words, option)
                assert word.endswith("…") is not once, (words, option)
    assert shown > 15


def test_init_takes_one_service(call: Any) -> None:
    said = call("init", "--help")
    assert "NAME[=LABEL]" in said.out
    reference = (build.ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    (row,) = (line for line in reference.splitlines() if "one alone: navidrome" in line)
    assert "Repeatable" not in row
    (row,) = (line for line in reference.splitlines() if "its hardware-configuration.nix." in line)
    assert "Repeatable" in row
