"""The Pulumi state of a stack in the lab: one JSON file, rewritten after every step.

A run that is killed leaves either the file before a step or the file after it. Secrets in the file
are encrypted with a key beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from cryptography.fernet import Fernet, InvalidToken

from homelab.lab.codec import EngineValue, EngineValues, dump, load
from homelab.lab.errors import DamagedError
from homelab.lab.held import hold, private
from homelab.lab.urn import name_of

if TYPE_CHECKING:
    from homelab.lab.provider import Value

_VERSION: Final = 1


@dataclass
class Record:
    """One resource after its last step."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    parent: str = ""
    provider: str = ""
    """Reference of its provider, `urn::id`."""
    inputs: EngineValues = field(default_factory=dict)
    outputs: EngineValues = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    deleted_with: str = ""
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    timeouts: dict[str, str] = field(default_factory=dict)
    delete: bool = False
    """Whether this resource is replaced and must be deleted."""
    pending_replacement: bool = False
    """Whether this resource is deleted and must be created again."""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return name_of(self.urn)

    @property
    def provider_urn(self) -> str:
        """The URN inside the provider reference."""
        return self.provider.rsplit("::", 1)[0]

    def needs(self) -> set[str]:
        """URNs of its dependencies, without its parent."""
        urns = {*self.dependencies, self.provider_urn, self.deleted_with}
        return urns.union(*self.property_dependencies.values()) - {""}

    def renamed(self, urns: Mapping[str, str]) -> Record:
        """The record with its URN and those it refers to renamed, old to new. Itself if it has none
        of them.
        """

        def new(urn: str) -> str:
            return urns.get(urn, urn)

        if not urns or not urns.keys() & {*self.needs(), self.parent, self.urn}:
            return self
        provider = self.provider
        if self.provider_urn in urns:
            provider = f"{new(self.provider_urn)}::{provider.rpartition('::')[2]}"
        return replace(
            self,
            urn=new(self.urn),
            parent=new(self.parent),
            provider=provider,
            dependencies=[new(urn) for urn in self.dependencies],
            property_dependencies={
                key: [new(urn) for urn in named]
                for key, named in self.property_dependencies.items()
            },
            deleted_with=new(self.deleted_with),
        )


class Store:
    """The directory of one stack: `state.json`, `key` and `lock`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file = directory / "state.json"
        self._key = directory / "key"
        self._fernet: Fernet | None = None
        self._texts: dict[int, tuple[Record, EngineValues, str, str]] = {}

    def read(self) -> list[Record]:
        """All records in the order of their creation; none if the stack was never up."""
        self._fernet = None
        self._texts.clear()
        if not self._file.exists():
            return []
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
            if data["version"] != _VERSION:
                raise DamagedError(
                    self._file, f"version {data['version']} is not known here", self.directory
                )
            return [self._load(item) for item in data["resources"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedError(self._file, type(error).__name__, self.directory) from error

    def write(self, records: Iterable[Record]) -> None:
        """Replace the file atomically."""
        body = ",\n".join([self._text(record) for record in records])
        temporary = self._file.with_suffix(".tmp")
        with open(temporary, "w", opener=private) as out:
            out.write(f'{{"version": {_VERSION}, "resources": [\n{body}\n]}}\n')
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self._file)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Lock the stack for one run. Yields whether the previous run was killed.

        The kernel releases the lock of a dead process.
        """
        held = hold(self.directory / "lock")
        try:
            yield held.was_left
        finally:
            held.let_go()

    def _text(self, record: Record) -> str:
        # Encryption gives a new text each time. An unchanged record keeps its text, so a save
        # only costs what changed, and the file changes only where the stack did.
        mark = f"{record.delete} {record.pending_replacement}"
        kept = self._texts.get(id(record))
        known = kept is not None and kept[0] is record and kept[1] is record.outputs
        if kept is None or not known or kept[2] != mark:
            text = json.dumps(self._dump(record), sort_keys=True)
            kept = self._texts[id(record)] = (record, record.outputs, mark, text)
        return kept[3]

    def _dump(self, record: Record) -> dict[str, Value]:
        data = {item.name: getattr(record, item.name) for item in fields(record)}
        data["inputs"] = dump(record.inputs, self._seal)
        data["outputs"] = dump(record.outputs, self._seal)
        return {key: value for key, value in data.items() if value not in ("", [], {}, False)} | {
            "custom": record.custom
        }

    def _load(self, data: dict[str, Value]) -> Record:
        record = Record(**data)  # type: ignore[arg-type]
        record.inputs = cast("EngineValues", load(cast("Value", record.inputs), self._unseal))
        record.outputs = cast("EngineValues", load(cast("Value", record.outputs), self._unseal))
        return record

    def _seal(self, value: EngineValue) -> str:
        text = json.dumps(dump(value, self._seal))
        return self._open(create=True).encrypt(text.encode()).decode()

    def _unseal(self, text: str) -> EngineValue:
        try:
            return load(json.loads(self._open().decrypt(text.encode())), self._unseal)
        except InvalidToken:
            raise DamagedError(
                self._file, f"{self._key} does not decrypt it", self.directory
            ) from None

    def _open(self, *, create: bool = False) -> Fernet:
        if self._fernet is None:
            if create and not self._key.exists():
                with open(self._key, "xb", opener=private) as out:
                    out.write(Fernet.generate_key())
                    out.flush()
                    os.fsync(out.fileno())
            if not self._key.exists():
                raise DamagedError(self._file, f"its key {self._key} is missing", self.directory)
            try:
                self._fernet = Fernet(self._key.read_bytes())
            except ValueError as error:
                raise DamagedError(self._key, "it is not a key", self.directory) from error
        return self._fernet
