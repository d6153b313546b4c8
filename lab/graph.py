"""Dependencies among records, and the order of deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from homelab.lab.state import Record


def dependents(records: Sequence[Record], root: Record, done: Collection[str]) -> list[Record]:
    """Records that depend on `root`, directly or not, each after its dependencies.

    `done` are URNs that this run has handled. They cannot depend on later records.
    """
    found = {root.urn}
    result = []
    for record in records[_position(records, root) + 1 :]:
        if record.urn not in done and record.needs() & found:
            found.add(record.urn)
            result.append(record)
    return result


def waves(records: Sequence[Record], condemned: Collection[Record]) -> list[list[Record]]:
    """Groups to delete one after another: dependents before dependencies, children first."""
    left = {id(record): record for record in condemned}
    needs = {key: direct_needs(records, record) for key, record in left.items()}
    groups = []
    while left:
        free = [r for key, r in left.items() if not any(id(n) in left for n in needs[key])]
        groups.append(free)
        for record in free:
            del left[id(record)]
    return groups[::-1]


def all_needs(records: Sequence[Record], roots: Iterable[Record]) -> set[int]:
    """Identities of everything that the roots depend on, directly or not."""
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        for record in direct_needs(records, todo.pop()):
            if id(record) not in seen:
                seen.add(id(record))
                todo.append(record)
    return seen


def direct_needs(records: Sequence[Record], record: Record) -> list[Record]:
    """Direct dependencies of one record, including its parent.

    Only earlier records count. Of two records with one URN (replaced and new), this selects the
    right one. A dependency on a component includes the children that it had by then.
    """
    wanted = record.needs()
    components: set[str] = set()
    result = []
    for candidate in records[: _position(records, record)]:
        inside = candidate.parent in components
        if inside or (candidate.urn in wanted and not candidate.custom):
            components.add(candidate.urn)
        if inside or candidate.urn in wanted or candidate.urn == record.parent:
            result.append(candidate)
    return result


def _position(records: Sequence[Record], record: Record) -> int:
    return next(index for index, other in enumerate(records) if other is record)
