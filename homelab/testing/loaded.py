"""A stack under test: its config, plan, problems, files and resources. Imports no Pulumi."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from homelab.config.document import Document
from homelab.config.load import document_of, load_stack_config
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import check_document, open_document
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.testing.changes import Changes, changed

if TYPE_CHECKING:
    from homelab.testing.recorded import Recorded

Files = dict[str, dict[str, str]]
"""The text of every generated file, by host and by path below `/etc/nixos`."""


@dataclass(frozen=True)
class LoadedStack:
    """One stack with the files beside it. Each property is computed once, on first use."""

    name: str
    directory: Path
    document: Document

    @cached_property
    def config(self) -> StackConfig:
        """The typed config. Raises InvalidStackError with every invalid value."""
        return load_stack_config(self.document)

    @cached_property
    def _checked(self) -> tuple[Plan, tuple[Problem, ...]]:
        return check_document(self.directory, self.name, self.document)

    @property
    def plan(self) -> Plan:
        """The plan. Raises InvalidStackError like `config`."""
        return self._checked[0]

    def problems(self, check: str | None = None) -> list[Problem]:
        """Errors and warnings of all checks, or of the check with this id.

        `homelab check --list` prints the ids. Raises InvalidStackError like `config`.
        """
        return [p for p in self._checked[1] if check is None or p.check == check]

    @property
    def errors(self) -> list[str]:
        """The errors, which stop an `up`, as printed."""
        return [str(p) for p in self.problems() if p.severity == "error"]

    @cached_property
    def files(self) -> Files:
        """The text of every generated file, by host and path. Raises InvalidStackError with every
        problem if there is an error.
        """
        stack = open_document(self.directory, self.name, self.document)
        return {
            host: {path: text for path, text in release.files if isinstance(text, str)}
            for host, release in stack.releases.items()
        }

    def changed(self, *changes: Changes) -> LoadedStack:
        """The same stack with changes. None removes a key."""
        return stack(self.document.values, *changes, directory=self.directory, name=self.name)

    def register(self, *, preview: bool = True) -> Recorded:
        """Run the project's program with this config under mocks. Returns what it registers, in
        order.
        """
        from homelab.testing.mocks import run

        return run(self.directory, self.name, self.settings, preview=preview)

    @property
    def settings(self) -> dict[str, str]:
        """The config as Pulumi passes it to a program: text by full key."""
        return {f"homelab:{key}": json.dumps(value) for key, value in self.document.values.items()}


def stack(
    source: Path | str | Changes | StackConfig,
    *changes: Changes,
    directory: Path | str | None = None,
    name: str | None = None,
) -> LoadedStack:
    """A stack from its file (`Pulumi.home.yaml`), a dictionary of sections or a typed config.

    The files that it names, and its lock, are in `directory`. The default is the directory of the
    stack file, or the current one. The default of `name` is that of the stack file, or `test`.
    Nothing is computed yet.
    """
    document: Document
    if isinstance(source, Path | str):
        path = Path(source)
        directory = path.parent if directory is None else directory
        name = name or path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        document = read_stack_document(path.parent, name)
    elif isinstance(source, StackConfig):
        document = document_of(source)
    else:
        document = Document(_values(changed(source)))
    if changes:
        # Line numbers of the file would be wrong.
        document = Document(_values(changed(document.values, *changes)))
    return LoadedStack(name or "test", Path(directory or "."), document)


def _values(config: Changes) -> Mapping[str, Value]:
    return cast("Mapping[str, Value]", config)
