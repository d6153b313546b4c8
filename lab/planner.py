"""The operation for each registration: same, create, update, replace, or skip.

The decisions are those of Pulumi, in its order; `tests/engine/` tests this. The planner changes no
resource. It decides about one registration at a time, and remembers its decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from homelab.lab.aliases import Aliases, DuplicateAliasError
from homelab.lab.codec import EngineValue, EngineValues, holds, plain_all
from homelab.lab.events import Op
from homelab.lab.graph import dependents
from homelab.lab.journal import StateJournal
from homelab.lab.provider import UNKNOWN, Diff, Provider, Unknown
from homelab.lab.registration import PROVIDERS, ResourceRegistration, at_path, keep_old, read_path
from homelab.lab.state import Record

_COMPARING_SECRECY: Final = "command:"
"""The package whose real provider treats a value that becomes secret as changed."""

_UNPROTECT: Final = (
    "as it is currently marked for protection. To unprotect the resource, remove the `protect` "
    "flag from the resource in your Pulumi program and run `pulumi up`"
)


class AbortError(Exception):
    """The run cannot continue. `texts` are shown to the user."""

    def __init__(self, *texts: str, urn: str = "") -> None:
        super().__init__(*texts)
        self.texts, self.urn = texts, urn


@dataclass
class Change:
    """The operation for one registration."""

    op: Op
    registration: ResourceRegistration
    new: Record
    """The new record, without id and outputs."""
    old: Record | None = None
    diff: Diff = Diff()  # noqa: RUF009 frozen
    doomed: Sequence[Record] = ()
    """Deleted before `new` is made, in this order."""
    early: bool = False
    """Whether the old resource is deleted before the new one is created."""
    objection: str = ""
    """Why the operation is refused. A preview shows it anyway."""


@dataclass(frozen=True)
class Skip:
    """The registration is skipped, because a dependency failed or was skipped."""

    urn: str
    because: str


class Planner:
    """Decides for one run. Not thread-safe: the caller holds a lock."""

    def __init__(
        self, project: str, stack: str, journal: StateJournal, providers: Mapping[str, Provider]
    ) -> None:
        self.registrations: dict[str, ResourceRegistration] = {}
        """Everything registered so far, by URN."""
        self.failed: set[str] = set()
        """URNs that failed or were skipped. Their dependents are skipped."""
        self.deleting: set[str] = set()
        """URNs deleted in this run, or to be deleted."""
        self._project, self._stack = project, stack
        self._journal, self._providers = journal, providers
        self._aliases = Aliases(project, stack)
        self._replacing: set[str] = set()
        self._recreating: set[str] = set()

    def plan(self, registration: ResourceRegistration) -> Change | Skip:
        """Decide. Raises AbortError where the real engine would end the run."""
        urn = registration.urn(self._stack, self._project)
        if urn in self.registrations:
            text = f"Duplicate resource URN '{urn}'; try giving it a unique name"
            raise AbortError(text, urn=urn)
        if registration.parent and registration.parent not in self.registrations:
            raise AbortError(f"could not find parent resource {registration.parent}", urn=urn)
        self.registrations[urn] = registration
        self._inherit(registration)
        new, old = _record(urn, registration), self._old(registration, urn)
        for needed in sorted({registration.parent, *new.needs()}):
            if needed in self.failed:
                self.mark_failed(urn)
                return Skip(urn, needed)
        asked = new.inputs
        if old is not None:
            new.inputs = keep_old(old.inputs, asked, registration.ignore_changes)
        self._check(registration, new)
        if old is None:
            return Change("create", registration, new)
        gone = old.urn in self._recreating or old.pending_replacement
        diff = Diff() if gone else self._diff(old, new, registration.replace_on_changes)
        if gone or diff.replaces:
            new.inputs = asked  # a new resource has no old values to keep
            return self._replace(registration, new, old, diff, gone=gone)
        return Change("update" if diff.changes else "same", registration, new, old, diff)

    def knows(self, record: Record) -> bool:
        """Whether the program registered the resource of a record, under its URN or by an alias."""
        return record.urn in self.registrations or record.urn in self._aliases.claimed

    def mark_failed(self, urn: str) -> None:
        """Note that a resource failed or was skipped. Its old record may have another URN."""
        self.failed |= {urn, self._aliases.found.get(urn, urn)}

    def _old(self, registration: ResourceRegistration, urn: str) -> Record | None:
        try:
            return self._aliases.find(registration, urn, self._journal.olds, self.registrations)
        except DuplicateAliasError as error:
            raise AbortError(str(error), f"resource {urn} is invalid", urn=urn) from None

    def stand_in(self, package: str, token: str) -> Provider:
        """The package's stand-in. `token` is the type or function that needs it."""
        if package not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise AbortError(f"{token}: the lab has no stand-in for {package!r}; it has {known}.")
        return self._providers[package]

    def stand_in_for(self, record: Record) -> Provider:
        """The stand-in that makes this resource."""
        return self.stand_in(record.type.partition(":")[0], record.type)

    def _inherit(self, registration: ResourceRegistration) -> None:
        parent = self.registrations.get(registration.parent)
        if parent is None:
            return
        if registration.protect is None:
            registration.protect = parent.protect
        if registration.retain_on_delete is None:
            registration.retain_on_delete = parent.retain_on_delete
        registration.deleted_with = registration.deleted_with or parent.deleted_with

    def _check(self, registration: ResourceRegistration, new: Record) -> None:
        if registration.type.startswith(PROVIDERS):
            self.stand_in(registration.package, registration.type)
        elif registration.custom:
            if new.provider_urn not in self.registrations:
                raise AbortError(f"unknown provider '{registration.provider}'", urn=new.urn)
            problems = self.stand_in_for(new).check(new.type, plain_all(new.inputs))
            if problems:
                what = f"{registration.type} resource '{registration.name}' has a problem"
                raise AbortError(*(f"{what}: {text}" for text in problems), urn=new.urn)

    def _diff(self, old: Record, new: Record, replace_on: Sequence[str]) -> Diff:
        if old.custom != new.custom:
            return Diff(("provider",), ("provider",))
        if not new.custom:
            return Diff(_changed(old.inputs, new.inputs))
        if new.deleted_with in self._replacing:
            return Diff(("deletedWith",), ("deletedWith",))
        before, after = plain_all(old.inputs), plain_all(new.inputs)
        if new.type.startswith(PROVIDERS):
            return Diff(_changed(before, after))
        diff = self.stand_in_for(new).diff(new.type, before, after)
        if new.type.startswith(_COMPARING_SECRECY):
            changes = {*diff.changes, *_changed(old.inputs, new.inputs)}
            diff = replace(diff, changes=tuple(sorted(changes)))
        forced = {
            key
            for path in map(read_path, replace_on)
            for key in diff.changes
            if path[0] in ("*", key) and at_path(old.inputs, path) != at_path(new.inputs, path)
        }
        return replace(diff, replaces=tuple(sorted({*diff.replaces, *forced})))

    def _replace(
        self,
        registration: ResourceRegistration,
        new: Record,
        old: Record,
        diff: Diff,
        *,
        gone: bool,
    ) -> Change:
        change = Change("replace", registration, new, old, diff, early=gone)
        self._replacing.add(new.urn)
        if gone:
            return change
        if new.protect and old.protect:
            change.objection = f'unable to replace resource "{new.urn}"\n{_UNPROTECT}'
        first = registration.delete_before_replace
        if first or (first is None and diff.delete_before_replace):
            falling = self._falling_with(old)
            for record in falling:
                if record.protect:
                    what = f'unable to replace resource "{record.urn}" as part of replacing'
                    raise AbortError(f'{what} "{new.urn}" {_UNPROTECT}', urn=new.urn)
            self._recreating.update(record.urn for record in falling)
            change.doomed, change.early = (*reversed(falling), old), True
            self.deleting.update(record.urn for record in change.doomed)
        return change

    def _falling_with(self, root: Record) -> list[Record]:
        """Records that a replacement of `root` replaces too."""
        falling = {root.urn}
        result = []
        done = self.registrations.keys() | self._aliases.claimed.keys()
        for record in dependents(self._journal.base, root, done):
            if record.custom and not record.delete and self._falls(record, falling):
                falling.add(record.urn)
                result.append(record)
        return [record for record in result if record.urn not in self._recreating]

    def _falls(self, record: Record, falling: set[str]) -> bool:
        if record.provider_urn in falling or record.deleted_with in falling:
            return True
        touched: EngineValues = {
            key: UNKNOWN
            for key in record.inputs
            if falling.intersection(record.property_dependencies.get(key, ()))
        }
        if not touched:
            return False
        then = replace(record, inputs={**record.inputs, **touched})
        return bool(self._diff(record, then, record.replace_on_changes).replaces)


def _record(urn: str, registration: ResourceRegistration) -> Record:
    inputs = dict(registration.inputs)
    if registration.type.startswith(PROVIDERS) and registration.version:
        inputs.setdefault("version", registration.version)
    return Record(
        urn=urn,
        type=registration.type,
        custom=registration.custom,
        parent=registration.parent,
        provider=registration.provider if registration.custom else "",
        inputs=inputs,
        dependencies=registration.dependencies,
        property_dependencies=registration.property_dependencies,
        protect=bool(registration.protect),
        retain_on_delete=bool(registration.retain_on_delete),
        deleted_with=registration.deleted_with,
        ignore_changes=registration.ignore_changes,
        replace_on_changes=registration.replace_on_changes,
        timeouts=registration.timeouts,
    )


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    """Top-level properties that differ. An unknown value differs from every value."""
    differing = (
        key
        for key in {*old, *new}
        if key not in old
        or key not in new
        or old[key] != new[key]
        or holds(cast("EngineValue", new[key]), Unknown)
    )
    return tuple(sorted(differing))
