"""Run a sequence with the embedded engine, in the format of the recordings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from homelab.lab import program
from homelab.lab.codec import masked_all
from homelab.lab.engine import Engine, Program, Result
from homelab.lab.events import Event, Failed, Finished, Message, Step
from homelab.lab.standins.command import CommandProvider
from homelab.lab.state import Record, Store

from .sequences import Run

HERE = Path(__file__).parent
STATE = ".homelab"


class Replay:
    """One stack of the embedded engine, beside a copy of the scenario's program."""

    def __init__(self, directory: Path) -> None:
        self.program = directory / "program"
        if not self.program.exists():
            shutil.copytree(HERE / "program", self.program)
        self.events: list[Event] = []
        self.deleted: list[str] = []
        """URNs in the order in which the last run deleted them."""
        self._config: dict[str, str] = {}
        self._engine = Engine(
            "recorded",
            "dev",
            self.program / STATE,
            [CommandProvider(_no_remote, directory=self.program)],
            self.events.append,
        )

    def run(self, run: Run) -> dict[str, Any]:
        """One run with its preview, in the format of a recording."""
        self.prepare(run)
        if run["operation"] == "destroy":
            preview = self._said(self._engine.destroy(preview=True), preview=True)
            done = self._said(self._engine.destroy())
        elif run["operation"] == "kill":
            preview = self._said(self._engine.preview(self._run), preview=True)
            self._kill()
            return {"preview": preview, "state": self._state()}
        else:
            preview = self._said(self._engine.preview(self._run), preview=True)
            done = self._said(self.up())
        outputs = dict(self._engine.outputs())
        return {"preview": preview, "done": done, "outputs": outputs, "state": self._state()}

    def prepare(self, run: Run) -> None:
        """Edit the program's scenario and config."""
        (self.program / "scenario.json").write_text(json.dumps(run))
        self._config |= {key: json.dumps(value) for key, value in run.get("config", {}).items()}

    def up(self) -> Result:
        """Bring the stack up."""
        self.events.clear()
        return self._engine.up(self._run)

    def records(self) -> list[Record]:
        """The records of the state."""
        return Store(self.program / STATE).read()

    @property
    def _run(self) -> Program:
        return partial(program.run, self.program, "dev", self._config, [])

    def _kill(self) -> None:
        command = [sys.executable, "-m", __spec__.name, str(self.program.parent)]
        root = Path(__file__).parents[__spec__.name.count(".")]
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
        with subprocess.Popen(command, env=env, start_new_session=True) as process:
            while not (self.program / "started").exists():
                assert process.poll() is None, "the run ended before it could be killed"
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)

    def _said(self, result: Result, *, preview: bool = False) -> dict[str, Any]:
        steps: dict[str, list[str]] = {}
        failed: dict[str, list[str]] = {}
        for event in self.events:
            match event:
                case Finished(step):
                    steps.setdefault(step.urn, []).extend(step.parts or [step.op])
                case Failed(step):
                    # In a preview, the real engine also shows a refused step.
                    into = steps if preview else failed
                    into.setdefault(step.urn, []).append(_failed_part(step))
        self.deleted = [
            event.step.urn
            for event in self.events
            if isinstance(event, Finished) and event.step.op == "delete"
        ]
        errors = [e.text for e in self.events if isinstance(e, Message) and e.severity == "error"]
        self.events.clear()
        return {
            "ok": result.ok,
            "steps": dict(sorted(steps.items())),
            "failed": dict(sorted(failed.items())),
            "changes": dict(sorted(result.changes.items())),
            "errors": errors,
        }

    def _state(self) -> list[dict[str, Any]]:
        kept = []
        for record in self.records():
            if record.type.startswith("pulumi:providers:"):
                continue
            item: dict[str, Any] = {
                "urn": record.urn,
                "parent": record.parent,
                "inputs": masked_all(record.inputs),
                "outputs": masked_all(record.outputs),
                "protect": record.protect,
                "delete": record.delete,
            }
            item = {key: value for key, value in item.items() if value}
            kept.append({**item, "dependencies": record.dependencies})
        return sorted(kept, key=lambda item: (item["urn"], bool(item.get("delete"))))


def _failed_part(step: Step) -> str:
    return next((part for part in step.parts if part != "replace"), step.op)


def _no_remote(*_: object) -> tuple[int, str, str]:
    raise AssertionError("a sequence runs local commands only")


if __name__ == "__main__":
    Replay(Path(sys.argv[1])).up()
