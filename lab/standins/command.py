"""Stand-in for pulumi-command: local commands run on this machine, remote ones on lab hosts.

As in the real provider, any change runs `update`, or `create` if there is no `update`. A change of
`triggers` replaces the resource. `delete` runs from the old state. A failed command is not
recorded.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from homelab.lab.attached import run_attached
from homelab.lab.provider import UNKNOWN, Created, Diff, Properties, RefusedError, Value

Run = Callable[[Mapping[str, Value], str, str, Mapping[str, str]], tuple[int, str, str]]
"""Runs a command on a host: connection, command, stdin, environment → exit code, stdout, stderr."""

LOCAL: Final = "command:local:Command"
REMOTE: Final = "command:remote:Command"
_BOTH: Final = frozenset(
    {"create", "update", "delete", "triggers", "stdin", "environment", "logging"}
    | {"addPreviousOutputInEnv"}
)
_INPUTS: Final = {LOCAL: _BOTH | {"dir", "interpreter"}, REMOTE: _BOTH | {"connection"}}
_LONGEST: Final = 4000
"""Number of characters of a failed command and of its output in its error."""


class CommandProvider:
    """`command:local:Command` and `command:remote:Command`; other types are refused by name."""

    package = "command"

    def __init__(
        self,
        run_remote: Run,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Local commands run in `directory`, with `environment` added to this process's own."""
        self._run_remote = run_remote
        self._environment = dict(environment or {})
        self._directory = directory

    def check(self, type_: str, inputs: Properties) -> list[str]:
        """Unknown types and properties, and a missing connection."""
        if type_ not in _INPUTS:
            return [f"the lab has no {type_}; it has {LOCAL} and {REMOTE}"]
        problems = [
            f"{name} is not an input of {type_}" for name in sorted({*inputs} - _INPUTS[type_])
        ]
        if type_ == REMOTE and "connection" not in inputs:
            problems.append("Missing required property 'connection'")
        return problems

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        """Every input matters; only `triggers` replace."""
        changes = tuple(
            sorted(
                key
                for key in {*old, *new}
                if old.get(key) != new.get(key) or new.get(key) is UNKNOWN
            )
        )
        return Diff(changes, tuple(key for key in changes if key == "triggers"))

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        """Run `create`, if there is one."""
        return self._outcome(type_, f"{name}{secrets.token_hex(4)}", inputs.get("create"), inputs)

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        """Run `update`, or `create` if there is none, with the earlier output in its
        environment.
        """
        command = inputs.get("update", inputs.get("create"))
        return self._outcome(type_, id_, command, inputs, old_outputs)

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        """Run the recorded `delete`."""
        self._outcome(type_, id_, outputs.get("delete"), outputs, outputs)

    def invoke(self, token: str, args: Properties) -> Properties:
        """Refuse: `local.run` would run on every preview."""
        raise RefusedError("the lab does not run commands as functions")

    def _outcome(
        self,
        type_: str,
        id_: str,
        command: Value,
        inputs: Properties,
        earlier: Mapping[str, Value] | None = None,
    ) -> Created:
        names = _INPUTS[type_]
        outputs = {key: value for key, value in inputs.items() if key in names}
        earlier = earlier or {}
        if isinstance(command, str):
            stdout, stderr = self._run(type_, command, inputs, earlier)
        else:
            stdout, stderr = str(earlier.get("stdout", "")), str(earlier.get("stderr", ""))
        secret = frozenset({"connection"}) if type_ == REMOTE else frozenset[str]()
        return Created(id_, {**outputs, "stdout": stdout, "stderr": stderr}, secret)

    def _run(
        self, type_: str, command: str, inputs: Properties, earlier: Mapping[str, Value]
    ) -> tuple[str, str]:
        environment = _texts(inputs.get("environment"))
        if inputs.get("addPreviousOutputInEnv", True):
            for key in ("stdout", "stderr"):
                if earlier.get(key):
                    environment[f"PULUMI_COMMAND_{key.upper()}"] = str(earlier[key])
        stdin = str(inputs.get("stdin", ""))
        if type_ == REMOTE:
            connection = inputs["connection"]
            connection = connection if isinstance(connection, dict) else {}
            code, stdout, stderr = self._run_remote(connection, command, stdin, environment)
            failure = f"Process exited with status {code}"
        else:
            code, stdout, stderr = self._run_local(inputs, command, stdin, environment)
            failure = f"exit status {code}" if code >= 0 else f"signal: {-code}"
        if code != 0:
            both = _capped(stdout + stderr)
            raise RefusedError(f"{failure}: running {json.dumps(_capped(command))}:\n{both}")
        return stdout.removesuffix("\n"), stderr.removesuffix("\n")

    def _run_local(
        self, inputs: Properties, command: str, stdin: str, environment: Mapping[str, str]
    ) -> tuple[int, str, str]:
        shell = inputs.get("interpreter") or ["/bin/sh", "-c"]
        words = [str(word) for word in shell] if isinstance(shell, list) else [str(shell)]
        directory = inputs.get("dir") or self._directory
        try:
            return run_attached(
                [*words, command],
                stdin,
                {**os.environ, **self._environment, **environment},
                str(directory) if directory else None,
            )
        except OSError as error:
            raise RefusedError(f"{error.strerror}: {error.filename}") from None


def _texts(value: Value) -> dict[str, str]:
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _capped(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"… ({len(text) - _LONGEST} characters before this)\n{text[-_LONGEST:]}"
