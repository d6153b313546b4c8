"""Records of one run: those found at its start, those that supersede them, and the state file."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from homelab.lab.codec import EngineValues
from homelab.lab.state import Record, Store
from homelab.lab.urn import below


class StateJournal:
    """Old and new records of one run. Every change is in the file before `save` returns."""

    def __init__(self, store: Store, *, dry: bool) -> None:
        self.base = store.read()
        """Records at the start of the run, in the order of their creation."""
        self.olds = {record.urn: record for record in self.base if not record.delete}
        self.news: dict[str, Record] = {}
        self._store, self._dry = store, dry
        self._renamed: dict[str, str] = {}
        """New URN of each resource that was found by an alias, by its old one."""
        self._copies: dict[int, Record] = {}
        """Copies of base records with renamed references, by the identity of the record. The base
        itself keeps the old URNs, so that its records agree with each other."""
        self._settled: set[int] = set()
        """Identities of base records that are superseded or deleted."""
        self._lock, self._saving = threading.RLock(), threading.Lock()
        self._version = self._saved = 0

    def settle(self, new: Record, old: Record | None) -> None:
        """Record `new`, which supersedes `old` if there is one."""
        with self._lock:
            self.news[new.urn] = new
            if old is not None:
                self._settled.add(id(old))
                self._rename(old, new)
            self._version += new is not old

    def settle_beside(self, new: Record, old: Record) -> None:
        """Record `new`, and mark `old` for deletion at the end of the run."""
        with self._lock:
            old.delete = True
            self.settle(new, None)
            self._rename(old, new)

    def remove(self, record: Record, *, awaits_replacement: bool) -> None:
        """Record that a resource is deleted. One that awaits its replacement keeps its record."""
        with self._lock:
            record.pending_replacement = awaits_replacement
            if not awaits_replacement:
                self._settled.add(id(record))
            self._version += 1

    def set_outputs(self, record: Record, outputs: EngineValues) -> None:
        """Set the outputs of a component."""
        with self._lock:
            if record.outputs != outputs:
                record.outputs = outputs
                self._version += 1

    def remaining(self) -> list[Record]:
        """Base records that nothing has superseded."""
        return [record for record in self.base if id(record) not in self._settled]

    def find(self, type_: str) -> Record | None:
        """The first record of a type."""
        return next((r for r in (*self.news.values(), *self.remaining()) if r.type == type_), None)

    def _rename(self, old: Record, new: Record) -> None:
        if old.urn != new.urn:
            self._renamed[old.urn] = new.urn

    def _left(self) -> list[Record]:
        """The remaining records as they are written: with the new URNs of what they refer to.

        A child whose parent has a new URN has one as well, as in Pulumi's state.
        """
        left = self.remaining()
        if not self._renamed:
            return left
        urns = dict(self._renamed)
        for record in left:
            if record.parent in urns:
                urns.setdefault(record.urn, below(urns[record.parent], record.urn))
        return [self._copy(record, urns) for record in left]

    def _copy(self, record: Record, urns: Mapping[str, str]) -> Record:
        # An unchanged copy is the same object, which the store need not write anew.
        copy = self._copies.get(id(record), record).renamed(urns)
        if copy is not record:
            self._copies[id(record)] = copy
            copy.delete, copy.pending_replacement = record.delete, record.pending_replacement
        return copy

    def save(self) -> None:
        """Write all records to the file. A dry run writes nothing."""
        if self._dry:
            return
        with self._lock:
            wanted = self._version
        with self._saving:
            # The thread that saved before may have written this step too.
            if self._saved >= wanted:
                return
            with self._lock:
                version = self._version
                self._store.write([*self.news.values(), *self._left()])
            self._saved = version
