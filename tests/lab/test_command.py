"""The stand-in for pulumi-command behaves as the real provider."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab.lab.provider import UNKNOWN, Properties, RefusedError, Value
from homelab.lab.standins.command import LOCAL, REMOTE, CommandProvider


class Host:
    """A stand-in for SSH that records calls."""

    def __init__(self) -> None:
        self.answer = (0, "out\n\n", "err\n")
        self.asked: list[tuple[Mapping[str, Value], str, str, Mapping[str, str]]] = []

    def run(
        self,
        connection: Mapping[str, Value],
        command: str,
        stdin: str,
        environment: Mapping[str, str],
    ) -> tuple[int, str, str]:
        self.asked.append((connection, command, stdin, environment))
        return self.answer


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def provider(host: Host, tmp_path: Path) -> CommandProvider:
    return CommandProvider(host.run, {"LAB": "yes"}, tmp_path)


def test_a_local_command_has_its_input_environment_and_directory(
    provider: CommandProvider, tmp_path: Path
) -> None:
    inputs: Properties = {
        "create": "cat; echo $LAB $OWN; pwd",
        "stdin": "in ",
        "environment": {"OWN": "own"},
    }
    made = provider.create(LOCAL, "a", inputs)
    assert made.outputs["stdout"] == f"in yes own\n{tmp_path}"
    assert made.outputs["stdin"] == "in "


def test_an_interpreter_takes_the_command_as_its_last_word(provider: CommandProvider) -> None:
    inputs: Properties = {"interpreter": ["/bin/echo", "-n", "it", "said"], "create": "this"}
    assert provider.create(LOCAL, "a", inputs).outputs["stdout"] == "it said this"


def test_one_trailing_newline_is_taken_off(provider: CommandProvider) -> None:
    made = provider.create(REMOTE, "a", {"connection": {"host": "pi"}, "create": "x"})
    assert (made.outputs["stdout"], made.outputs["stderr"]) == ("out\n", "err")


def test_a_remote_command_goes_where_its_connection_says(
    provider: CommandProvider, host: Host
) -> None:
    connection: dict[str, Value] = {"host": "pi", "user": "root", "port": 22}
    inputs: Properties = {
        "connection": connection,
        "create": "bash -s",
        "stdin": "echo hi",
        "environment": {"A": "b"},
    }
    made = provider.create(REMOTE, "a", inputs)
    assert host.asked == [(connection, "bash -s", "echo hi", {"A": "b"})]
    assert made.secrets == {"connection"}


def test_an_update_falls_back_to_create_and_finds_the_earlier_output(
    provider: CommandProvider,
) -> None:
    before = {"stdout": "was", "stderr": "bad"}
    again: Properties = {"create": "echo create $PULUMI_COMMAND_STDOUT"}
    made = provider.update(LOCAL, "a1", before, again)
    assert (made.id, made.outputs["stdout"]) == ("a1", "create was")
    own: Properties = {"create": "false", "update": "echo update $PULUMI_COMMAND_STDERR"}
    assert provider.update(LOCAL, "a1", before, own).outputs["stdout"] == "update bad"
    alone: Properties = {"create": "echo $PULUMI_COMMAND_STDOUT", "addPreviousOutputInEnv": False}
    assert provider.update(LOCAL, "a1", before, alone).outputs["stdout"] == ""


def test_without_a_command_nothing_runs_and_the_output_stays(
    provider: CommandProvider, host: Host
) -> None:
    connection: Properties = {"connection": {"host": "pi"}}
    assert provider.create(REMOTE, "a", connection).outputs["stdout"] == ""
    assert provider.update(REMOTE, "a", {"stdout": "was"}, connection).outputs["stdout"] == "was"
    provider.delete(REMOTE, "a", connection)
    assert host.asked == []


def test_a_deletion_runs_the_recorded_command_on_the_recorded_host(
    provider: CommandProvider, host: Host
) -> None:
    provider.delete(REMOTE, "a", {"connection": {"host": "old"}, "delete": "rm x", "stdout": "o"})
    assert host.asked == [({"host": "old"}, "rm x", "", {"PULUMI_COMMAND_STDOUT": "o"})]


def test_only_triggers_replace(provider: CommandProvider) -> None:
    old: Properties = {"create": "x", "triggers": [1], "logging": "none"}
    diff = provider.diff(LOCAL, old, {"create": "y", "triggers": [1], "delete": "z"})
    assert (diff.changes, diff.replaces) == (("create", "delete", "logging"), ())
    diff = provider.diff(LOCAL, old, {**old, "triggers": [UNKNOWN]})
    assert (diff.changes, diff.replaces) == (("triggers",), ("triggers",))


@pytest.mark.parametrize(
    ("type_", "inputs", "problem"),
    [
        ("command:remote:CopyToRemote", {}, "the lab has no command:remote:CopyToRemote"),
        (LOCAL, {"creat": "x"}, "creat is not an input"),
        (LOCAL, {"connection": {}}, "connection is not an input"),
        (LOCAL, {"assetPaths": ["*"]}, "assetPaths is not an input"),
        (REMOTE, {"create": "x"}, "Missing required property 'connection'"),
    ],
)
def test_unknown_types_and_properties_are_problems_by_name(
    provider: CommandProvider, type_: str, inputs: Properties, problem: str
) -> None:
    (told,) = provider.check(type_, inputs)
    assert told.startswith(problem)


def test_a_failure_has_the_real_message_with_limited_output(
    provider: CommandProvider, host: Host
) -> None:
    with pytest.raises(RefusedError) as local:
        provider.create(LOCAL, "a", {"create": "echo said; echo complained >&2; exit 3"})
    assert str(local.value) == (
        'exit status 3: running "echo said; echo complained >&2; exit 3":\nsaid\ncomplained\n'
    )
    host.answer = (7, "x" * 100_000 + "the end", "")
    with pytest.raises(RefusedError) as remote:
        provider.create(REMOTE, "a", {"connection": {}, "create": "go"})
    assert str(remote.value).startswith('Process exited with status 7: running "go":\n')
    assert str(remote.value).endswith("the end")
    assert len(str(remote.value)) < 5000


def test_a_missing_directory_or_shell_is_a_failure(provider: CommandProvider) -> None:
    with pytest.raises(RefusedError, match="No such file or directory: /not/there"):
        provider.create(LOCAL, "a", {"create": "true", "dir": "/not/there"})


def test_it_answers_no_functions(provider: CommandProvider) -> None:
    with pytest.raises(RefusedError):
        provider.invoke("command:local:run", {"command": "x"})
