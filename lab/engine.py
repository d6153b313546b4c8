"""An embedded engine: preview, up and destroy of one stack, in this process, without Pulumi's CLI.

The program and the SDK are the real ones. The state is a file (`homelab.lab.state`), and the
providers are stand-ins (`homelab.lab.provider`). The decisions (`homelab.lab.planner`,
`homelab.lab.deployment`) are those of the real engine; recordings in `tests/engine/` test this. A
failure stops only what depends on it, as with `pulumi up --continue-on-error`. Three differences,
all of them safer:

- After a failure nothing is deleted, as with a plain `pulumi up`. With `--continue-on-error`, the
  real engine also deletes resources that the program did not register because of the failure.
- A component may depend on a failed resource. The real engine ends the whole run there.
- A resource deleted because of a delete-before-replace is not deleted again in the next run.
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
from homelab.lab.state import Store
from homelab.lab.urn import STACK

PARALLEL: Final = 16
"""Number of steps that run at once. It is large enough that one slow host delays no other."""
_TAKEN_OVER: Final = Message("info", "An earlier run was killed; going on from what it finished.")

Program = Callable[[Monitor, bool], None]
"""Runs a program against the monitor. The flag is true in a preview."""


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    ok: bool
    changes: Mapping[Op, int] = field(default_factory=dict)
    """Number of resources by operation, with Pulumi's names."""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    """The stack's outputs. Secrets are `[secret]`; in a preview, unknown values are UNKNOWN."""


class Engine:
    """The engine for one stack of one project. State is in `directory`."""

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
        """Report what `up` would do. Writes nothing, and calls stand-ins only to check and diff."""
        return self._run(program, preview=True)

    def up(self, program: Program) -> Result:
        """Deploy the program's resources. A failure stops only what depends on it."""
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
            pass  # reported already
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
