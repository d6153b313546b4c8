"""A wrong call and a stack with problems have different messages and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from homelab.cli import app
from tests import stackdir
from tests.cli.test_cli import call

__all__ = ["call"]

WORDS = {
    "directory": "ejected",
    "host": "nas",
    "host_name": "nas",
    "parts": "tailnet",
    "address": "192.168.1.9",
    "subject": "nas",
    "name": "miniflux-admin",
    "key": "paste/token",
    "package": "hello",
}
"""A value for each required argument of a command."""


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each command that reads a stack, with its required arguments."""
    inner = getattr(group, "commands", None)
    if inner is not None:
        for name, command in inner.items():
            yield from _commands(command, (*path, name))
    elif any(p.name == "stack" for p in group.params):
        needed = [p for p in group.params if p.param_type_name == "argument" and p.required]
        yield (*path, *(WORDS[p.name] for p in needed))


EVERY = list(_commands(typer.main.get_command(app.app)))


def test_every_command_is_found() -> None:
    assert {("check",), ("lab", "up"), ("forget", "nas"), ("eval",)} <= {*EVERY}


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_missing_stack_is_a_wrong_call_of_every_command(
    call: Any, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = call(*words, "-s", "nowhere")
    assert said.code == 2
    assert said.err == (
        f'error: there is no stack "nowhere" in {tmp_path}; Stacks: {stackdir.NAME}\n'
    )
    (tmp_path / "empty").mkdir()
    said = call(*words, "-C", "empty")
    assert said.code == 2
    assert said.err == (
        f"error: there is no Pulumi.<stack>.yaml in {tmp_path / 'empty'}; "
        "name its directory with -C, or make one: homelab init\n"
    )
    said = call(*words, "-C", "missing")
    assert said.code == 2
    assert "missing; name that of the stack file with -C" in said.err
    monkeypatch.setenv("PULUMI_STACK", "elsewhere")
    said = call(*words)
    assert said.code == 2
    assert said.err.startswith('error: PULUMI_STACK: there is no stack "elsewhere" in ')


LAB = [("inject", "nass"), ("clear", "nass"), ("pull", "nass"), ("rollback", "nass")]
LAB += [("unlock", "nass"), ("retire", "nass")]


@pytest.mark.parametrize("words", LAB, ids=" ".join)
def test_an_unknown_lab_host_is_a_wrong_call(call: Any, words: tuple[str, ...]) -> None:
    said = call("lab", *words)
    assert said.code == 2
    assert said.err == (
        'error: there is no lab host "nass"; did you mean "nas"? Lab hosts: nas, pi\n'
    )


def test_other_wrong_arguments_of_the_lab_are_wrong_calls(call: Any) -> None:
    said = call("lab", "inject", "nas", "boot-failed")
    assert said.code == 2
    assert 'error: there is no fault "boot-failed"; did you mean "boot-fails"?' in said.err
    said = call("lab", "pull", "nas")
    assert said.code == 2
    assert "error: nas fetches no bundle; set hosts.nas.offline.pull_from" in said.err


@pytest.mark.parametrize("words", [("show",), ("render",), ("lab", "preview"), ("lock",)])
def test_every_command_prints_problems_in_the_same_form(
    call: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    stackdir.write_stack(tmp_path, {"services": {"jellyfin": {"host": "nass"}}})
    checked = [line for line in call("check").out.splitlines() if line.startswith("error: ")]
    assert checked
    said = call(*words)
    assert said.code == 1
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == checked
    assert all(line.startswith(("error: ", "warning: ")) for line in said.err.splitlines())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--undo", "--at", "2026-03-01"), "leave --at and --from out"),
        (("--undo", "--from", "b2"), "leave --at and --from out"),
        (("--in-place", "--at", ""), "--at is empty"),
        (("--undo", "--path", "/srv/a"), "--path goes with a service or dataset"),
    ],
)
def test_an_option_of_a_restore_without_effect_is_a_wrong_call(
    call: Any, words: tuple[str, ...], message: str
) -> None:
    said = call("restore", "nas", *words, "--yes")
    assert said.code == 2
    assert message in said.err


def test_a_restore_of_a_whole_host_has_a_time(call: Any) -> None:
    said = call("restore", "--host", "nas", "--in-place", "--at", " ", "--yes")
    assert said.code == 2
    assert "--at is empty" in said.err


def test_a_path_needs_the_service_that_it_is_of(call: Any) -> None:
    said = call("restore", "--host", "nas", "--in-place", "--path", "/srv/a", "--yes")
    assert said.code == 2
    assert "--path goes with a service or dataset" in said.err
