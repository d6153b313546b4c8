"""One run of one stack: creates, updates and replaces resources, and deletes those not registered.

Decisions are made one at a time (`homelab.lab.planner`); the steps run in parallel. A step is
recorded after it is done, and before the program gets its result.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, cast

from homelab.lab.codec import (
    Censor,
    EngineValue,
    EngineValues,
    Secret,
    holds,
    masked_all,
    plain,
    plain_all,
)
from homelab.lab.events import (
    Event,
    Failed,
    Finished,
    Listener,
    Message,
    Op,
    Part,
    Skipped,
    Started,
    Step,
)
from homelab.lab.graph import all_needs, waves
from homelab.lab.journal import StateJournal
from homelab.lab.planner import AbortError, Change, Planner, Skip
from homelab.lab.provider import Created, Properties, Provider, RefusedError, Unknown
from homelab.lab.registration import PROVIDERS, ResourceRegistration
from homelab.lab.standins.command import LOCAL
from homelab.lab.state import Record, Store
from homelab.lab.urn import STACK


class StoppedError(Exception):
    """The run has ended: refused, failed or interrupted. The reason has been reported already."""


@dataclass(frozen=True)
class Outcome:
    """The result of one registration, for the program."""

    urn: str
    id: str = ""
    outputs: EngineValues = field(default_factory=dict)
    done: bool = True
    """False if it failed or was skipped. The SDK then treats its outputs as unknown."""


class Deployment:
    """One preview, up or destroy. Its methods may be called from several threads."""

    def __init__(
        self,
        project: str,
        stack: str,
        store: Store,
        providers: Mapping[str, Provider],
        listen: Listener,
        *,
        preview: bool,
        parallel: int,
    ) -> None:
        self.project, self.stack, self.preview = project, stack, preview
        self.changes: Counter[Op] = Counter()
        self.failed = self.stopped = False
        self.denied: frozenset[str] = frozenset()
        """Packages whose default provider is disabled; `*` for all."""
        self.censor = Censor()
        self._journal = StateJournal(store, dry=preview)
        self._planner = Planner(project, stack, self._journal, providers)
        self._listen, self._parallel = listen, parallel
        self._lock, self._emitting = threading.RLock(), threading.RLock()
        self._slots = threading.BoundedSemaphore(parallel)
        self._defaults: dict[str, Outcome] = {}
        self._exports: EngineValues | None = None
        for record in self._journal.base:
            self.censor.learn([record.inputs, record.outputs])

    # Requests of the program.

    def register(self, registration: ResourceRegistration) -> Outcome:
        """Create, update or replace the resource. Returns when this is done, failed or skipped."""
        self.censor.learn(registration.inputs)
        try:
            with self._lock:
                self._check_running()
                if (
                    registration.custom
                    and not registration.provider
                    and not registration.type.startswith(PROVIDERS)
                ):
                    registration.provider = self._default_provider(registration)
                change = self._planner.plan(registration)
        except AbortError as error:
            raise self.abort(*error.texts, urn=error.urn) from None
        except RefusedError as error:
            raise self.abort(f"{registration.type} {registration.name!r}: {error}") from None
        if isinstance(change, Skip):
            self._emit(Skipped(change.urn, change.because))
            return Outcome(change.urn, done=False)
        if change.objection:
            self.failed = True
            if not self.preview:
                raise self.abort(change.objection, urn=change.new.urn)
            self.say("error", change.objection, change.new.urn)
        if (
            not registration.custom
            or registration.type.startswith(PROVIDERS)
            or change.op == "same"
        ):
            return self._carry_out(change)  # nothing to wait for
        with self._slots:
            self._check_running()
            return self._carry_out(change)

    def register_outputs(self, urn: str, outputs: EngineValues) -> None:
        """Record a component's outputs. Outputs of the stack are recorded at the end of the run."""
        self.censor.learn(outputs)
        record = self._journal.news.get(urn)
        if record is None:  # it was skipped
            return
        if record.type == STACK:
            self._exports = self._known(outputs)
        else:
            self._journal.set_outputs(record, self._known(outputs))
            self._journal.save()

    def invoke(self, token: str, args: EngineValues, provider: str) -> EngineValues:
        """Answer a function call. If an argument is secret, the results are secret."""
        self._check_running()
        package = token.partition(":")[0]
        try:
            if not provider:
                self._check_default(package, token)
            answer = self._planner.stand_in(package, token).invoke(token, plain_all(args))
        except AbortError as error:
            raise self.abort(*error.texts) from None
        except RefusedError as error:
            raise self.abort(f"{token}: {error}") from None
        secret = holds(args, Secret)
        return {key: Secret(v) if secret else v for key, v in _engine_values(answer).items()}

    def lookup(self, urn: str) -> Record:
        """The resource behind a reference."""
        record = self._journal.news.get(urn)
        if record is None:
            raise self.abort(f"unknown resource {urn}")
        return record

    # Actions at the end of a run.

    def finish(self) -> None:
        """Delete what the program no longer registers, after it has ended.

        Nothing is deleted after a failure: a resource that depends on the failed one was not
        registered, and may still be wanted.
        """
        if not self.failed or self.preview:
            remaining = self._journal.remaining()
            self._delete([r for r in remaining if r.delete or not self._planner.knows(r)])

    def destroy(self) -> None:
        """Delete everything."""
        self._delete(self._journal.base)

    def close(self) -> EngineValues:
        """Record and return the stack's outputs. A failed run keeps old outputs that it did not
        set.
        """
        stack = self._journal.find(STACK)
        if stack is None:
            return {}
        if self._exports is not None:
            self._journal.set_outputs(
                stack, {**(stack.outputs if self.failed else {}), **self._exports}
            )
            self._journal.save()
        return stack.outputs

    def stop(self) -> None:
        """Start no further step. Running steps finish and are recorded."""
        self.stopped = self.failed = True

    def interrupt(self) -> None:
        """Handle Ctrl-C: running steps finish, no other starts."""
        if not self.stopped:
            self.say("error", "update canceled")
        self.stop()

    def abort(self, *texts: str, urn: str = "") -> StoppedError:
        """End the run with these errors. Returns the exception to raise."""
        for text in texts:
            self.say("error", text, urn)
        self.stop()
        return StoppedError(*texts)

    def say(
        self, severity: Literal["debug", "info", "warning", "error"], text: str, urn: str = ""
    ) -> None:
        """Report a message without secrets."""
        self._emit(Message(severity, self.censor(text), urn))

    # Default providers.

    def _default_provider(self, registration: ResourceRegistration) -> str:
        self._check_default(registration.package, registration.type)
        version = "".join(c if c.isalnum() else "_" for c in registration.version)
        name = f"default_{version}" if version else "default"
        own = ResourceRegistration(
            f"{PROVIDERS}{registration.package}", name, custom=True, version=registration.version
        )
        urn = own.urn(self.stack, self.project)
        if urn not in self._defaults:
            self._defaults[urn] = self.register(own)
        return f"{urn}::{self._defaults[urn].id}"

    def _check_default(self, package: str, token: str) -> None:
        if self.denied & {package, "*"}:
            raise AbortError(
                f"Default provider for '{package}' disabled. "
                f"'{token}' must use an explicit provider."
            )

    # Steps.

    def _carry_out(self, change: Change) -> Outcome:
        registration, new, old = change.registration, change.new, change.old
        for record in change.doomed:
            if not self._remove(record, early=True):
                self._mark_failed(new.urn)
                return Outcome(new.urn, done=False)
        step, seconds = _step(change), 0.0
        if change.op == "same" and old is not None:
            new.id, new.outputs = old.id, self._marked(old.outputs, new.inputs, registration)
            new = old if new == old else new
        else:
            seconds, failed = self._attempt(step, lambda: self._make(change))
            if failed:
                return Outcome(new.urn, done=False)
        if change.op == "replace" and old is not None and not change.early:
            self._journal.settle_beside(new, old)
        else:
            self._journal.settle(new, old)
        self._done(step, seconds, self._printed(new) if change.op != "same" else "")
        return Outcome(new.urn, new.id, new.outputs if new.custom else {})

    def _make(self, change: Change) -> None:
        registration, new, old = change.registration, change.new, change.old
        updated = old if change.op == "update" else None
        if updated is not None:
            new.id = updated.id
        if not new.custom:
            new.outputs = old.outputs if old is not None else {}
        elif self.preview:
            # Other outputs are left out, so they are unknown to the program.
            new.outputs = self._marked(new.inputs, new.inputs, registration)
        elif new.type.startswith(PROVIDERS):
            new.id, new.outputs = new.id or str(uuid.uuid4()), new.inputs
        else:
            provider, inputs = self._planner.stand_in_for(new), plain_all(new.inputs)
            if updated is not None:
                before = plain_all(updated.outputs)
                made = provider.update(new.type, updated.id, before, inputs)
            else:
                made = provider.create(new.type, new.name, inputs)
            outputs = _engine_values(made.outputs)
            new.id, new.outputs = made.id, self._marked(outputs, new.inputs, registration, made)

    def _marked(
        self,
        outputs: EngineValues,
        inputs: EngineValues,
        registration: ResourceRegistration,
        made: Created | None = None,
    ) -> EngineValues:
        """Outputs with secrets marked: by the program, by the provider, or because an input is
        secret.
        """
        secret = {*registration.secret_outputs, *(made.secrets if made else ())}
        result: EngineValues = {}
        for key, value in outputs.items():
            given = inputs.get(key)
            if holds(given, Secret):
                # Unchanged: secret in the same places. Changed: secret as a whole.
                value = given if plain(given) == plain(value) else Secret(value)
            if key in secret and not isinstance(value, Secret):
                value = Secret(value)
            result[key] = value
        self.censor.learn(result)
        return result

    def _known(self, outputs: EngineValues) -> EngineValues:
        """Outputs without unknown values. After a failure, some are unknown even in an `up`."""
        if self.preview:
            return outputs
        return {key: value for key, value in outputs.items() if not holds(value, Unknown)}

    def _delete(self, condemned: list[Record]) -> None:
        base, planner = self._journal.base, self._planner
        planner.deleting.update(record.urn for record in condemned)
        with ThreadPoolExecutor(self._parallel) as pool:
            for wave in waves(base, condemned):
                needed = all_needs(base, [r for r in base if r.urn in planner.failed])
                try:
                    list(pool.map(self._remove, [r for r in wave if id(r) not in needed]))
                except KeyboardInterrupt:
                    self.stop()  # before the pool waits for its running steps
                    raise

    def _remove(self, record: Record, *, early: bool = False) -> bool:
        """Delete one resource. `early` means that its replacement is created afterwards."""
        if self.stopped:
            return False
        replaced = early or record.delete
        parts: tuple[Part, ...] = ("delete-replaced",) if replaced else ()
        if record.pending_replacement:
            parts = ("remove-pending-replace",)  # its replacement is not created in this run
        step = Step(
            op="replace" if parts else "delete",
            urn=record.urn,
            type=record.type,
            name=record.name,
            parent=record.parent,
            custom=record.custom,
            old=masked_all(record.inputs),
            parts=parts,
        )
        seconds, failed = self._attempt(step, lambda: self._unmake(record, replaced=replaced))
        if not failed:
            self._journal.remove(record, awaits_replacement=early)
            self._done(step, seconds)
        return not failed

    def _unmake(self, record: Record, *, replaced: bool) -> None:
        if record.protect and not replaced:
            raise RefusedError(
                f'resource "{record.urn}" cannot be deleted\nbecause it is protected. To unprotect '
                "the resource, either remove the `protect` flag from the resource in your Pulumi "
                "program and run `pulumi up`"
            )
        ours = (
            record.custom
            and not record.type.startswith(PROVIDERS)
            and not record.retain_on_delete
            and not record.pending_replacement
            and record.deleted_with not in self._planner.deleting
        )
        if ours and not self.preview:
            outputs = plain_all(record.outputs)
            self._planner.stand_in_for(record).delete(record.type, record.id, outputs)

    def _attempt(self, step: Step, work: Callable[[], None]) -> tuple[float, bool]:
        """Run a step. Returns its duration in seconds and whether it failed."""
        if not self.preview and not _is_internal(step):
            self._emit(Started(step))
        start, failure = time.monotonic(), ""
        try:
            work()
        except (RefusedError, AbortError) as error:
            failure = str(error) or "refused"
        except Exception as error:  # noqa: BLE001 a defect of a stand-in must not end the run
            failure = f"{type(error).__name__}: {error}"
        if failure:
            self._mark_failed(step.urn)
            self._emit(Failed(step, self.censor(failure)))
        return time.monotonic() - start, bool(failure)

    def _printed(self, new: Record) -> str:
        """What a local command printed."""
        if new.type != LOCAL or self.preview:
            return ""
        texts = [new.outputs.get("stdout"), new.outputs.get("stderr")]
        return self.censor("\n".join(t for t in texts if t and isinstance(t, str)))

    def _done(self, step: Step, seconds: float, printed: str = "") -> None:
        self._journal.save()
        if not _is_internal(step):
            with self._lock:
                if not step.parts or "replace" in step.parts:
                    self.changes[step.op] += 1
            self._emit(Finished(step, seconds, printed))

    def _mark_failed(self, urn: str) -> None:
        with self._lock:
            self._planner.mark_failed(urn)
            self.failed = True

    def _check_running(self) -> None:
        if self.stopped:
            raise StoppedError

    def _emit(self, event: Event) -> None:
        with self._emitting:
            self._listen(event)


def _step(change: Change) -> Step:
    new, old = change.new, change.old
    parts: tuple[Part, ...] = ()
    if change.op == "replace":
        parts = ("create-replacement", "replace")
    return Step(
        op=change.op,
        urn=new.urn,
        type=new.type,
        name=new.name,
        parent=new.parent,
        custom=new.custom,
        diff=change.diff.changes,
        replaces=change.diff.replaces,
        old=masked_all(old.inputs) if old else {},
        new=masked_all(new.inputs),
        hide=tuple(change.registration.hide_diffs),
        parts=parts[::-1] if change.early else parts,
    )


def _is_internal(step: Step) -> bool:
    """Whether the step is for a default provider. These are recorded, but neither shown nor
    counted.
    """
    return step.type.startswith(PROVIDERS) and step.name.startswith("default")


def _engine_values(values: Properties) -> EngineValues:
    """Outputs of a provider, without marks."""
    return {key: cast("EngineValue", value) for key, value in values.items() if value is not None}
