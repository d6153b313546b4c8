"""An embedded engine: preview, up and destroy of one stack, in this process, without Pulumi's CLI.

The program and the SDK are the real ones, unchanged. What lies below them is ours: the state is a
file (`homelab.lab.state`) that is never imported anywhere, the providers are stand-ins
(`homelab.lab.provider`), and the decisions (`homelab.lab.planner`, `homelab.lab.deployment`) are
those of the real engine, kept so by the
recordings under `tests/engine/`. A failure stops only what depends on it, as with
`pulumi up --continue-on-error`. Three things differ, each on the careful side:

- After a failure nothing is deleted, as with a plain `pulumi up`; with `--continue-on-error` the
  real engine deletes even what the program would have registered, had it got its results.
- What depends on a failure may be a component; the real engine ends the whole run there.
- A resource that fell with a delete-before-replace is not deleted again when the run is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from homelab.lab.codec import masked_all, plain_all
from homelab.lab.deployment import Deployment, StoppedError
from homelab.lab.events import Listener, Message, Op
from homelab.lab.monitor import Monitor
from homelab.lab.provider import Provider, Value
from homelab.lab.registration import STACK
from homelab.lab.state import Store

PARALLEL: Final = 16
"""Steps that run at once: a dozen hosts side by side, and one slow one starves nobody."""
_TAKEN_OVER: Final = Message("info", "An earlier run was killed; going on from what it finished.")

Program = Callable[[Monitor, bool], None]
"""Runs a program against the monitor; the flag says whether this is a preview."""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    ok: bool
    changes: Mapping[Op, int] = field(default_factory=dict)
    """Resources by what was done (or would be), in Pulumi's words."""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    """The stack's outputs, secrets as `[secret]`; in a preview those not known yet as UNKNOWN."""


class Engine:
    """One stack of one project, kept in `directory`."""

    def __init__(
        self,
        project: str,
        stack: str,
        directory: Path,
        providers: Iterable[Provider],
        listen: Listener,
        *,
        parallel: int = PARALLEL,
    ) -> None:
        self._project, self._stack = project, stack
        self._store = Store(directory)
        self._providers = {provider.package: provider for provider in providers}
        self._listen = listen
        self._parallel = parallel

    def preview(self, program: Program) -> Result:
        """Say what `up` would do. Writes nothing and calls no stand-in but to check and diff."""
        return self._run(program, preview=True)

    def up(self, program: Program) -> Result:
        """Make the stack what the program says; a failure stops only what depends on it."""
        with self._locked():
            return self._run(program, preview=False)

    def destroy(self, *, preview: bool = False) -> Result:
        """Delete everything, dependents first, without running the program."""
        if preview:
            return self._run(None, preview=True)
        with self._locked():
            return self._run(None, preview=False)

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Value]:
        """The stack's outputs of the last run."""
        stack = next((r for r in self._store.read() if r.type == STACK), None)
        if stack is None:
            return {}
        return plain_all(stack.outputs) if show_secrets else masked_all(stack.outputs)

    def _run(self, program: Program | None, *, preview: bool) -> Result:
        deployment = Deployment(
            self._project,
            self._stack,
            self._store,
            self._providers,
            self._listen,
            preview=preview,
            parallel=self._parallel,
        )
        try:
            if program is None:
                deployment.destroy()
            else:
                program(Monitor(deployment), preview)
                if not deployment.stopped:
                    deployment.finish()
        except StoppedError:
            pass  # told already
        except KeyboardInterrupt:
            deployment.interrupt()
        outputs = deployment.close()
        return Result(not deployment.failed, dict(deployment.changes), masked_all(outputs))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._store.lock() as stale:
            if stale:
                self._listen(_TAKEN_OVER)
            yield
