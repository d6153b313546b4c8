"""Record the steps of the real engine for each sequence of edits: `python -m tests.engine.record`.

Needs `pulumi` and its command provider on PATH. Names of sequences may be given; without any, all
are recorded. What runs at once has no fixed order, so steps are kept by resource: the order of one
resource's steps is exact, and that dependents go first is checked where it is replayed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .sequences import SEQUENCES, Run

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
SECRET = "4dabf18193072939515e22adb298388d"
STATE_KEYS = ("urn", "parent", "inputs", "outputs", "dependencies", "protect", "delete")


def versions(pulumi: str) -> dict[str, str]:
    """The versions used for the recording."""
    said = subprocess.run([pulumi, "version"], capture_output=True, text=True, check=True)
    return {
        "engine": said.stdout.strip().removeprefix("v"),
        "sdk": importlib.metadata.version("pulumi"),
        "command": importlib.metadata.version("pulumi-command"),
    }


def record(name: str, pulumi: str) -> dict[str, Any]:
    """Run the sequence with the real engine."""
    with tempfile.TemporaryDirectory() as directory:
        real = _Real(pulumi, Path(directory))
        runs = [real.run(run) for run in SEQUENCES[name]]
    return {"versions": versions(pulumi), "runs": runs}


class _Real:
    def __init__(self, pulumi: str, directory: Path) -> None:
        self._pulumi = pulumi
        self._program = directory / "program"
        self._log = directory / "events"
        shutil.copytree(HERE / "program", self._program)
        # Otherwise the engine runs pip, which an environment of uv lacks.
        shutil.copy(HERE.parent.parent / "uv.lock", self._program)
        (directory / "state").mkdir()
        self._env = os.environ | {
            "PULUMI_BACKEND_URL": f"file://{directory}/state",
            "PULUMI_CONFIG_PASSPHRASE": "recorded",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
            "UV_PROJECT_ENVIRONMENT": sys.prefix,
        }
        self._call("stack", "init", "dev")

    def run(self, run: Run) -> dict[str, Any]:
        """One run with its preview, in the format of a recording."""
        if run["operation"] != "destroy":
            (self._program / "scenario.json").write_text(json.dumps(run))
        for key, values in run.get("config", {}).items():
            for at, value in enumerate(values):
                self._call("config", "set", "--path", f"{key}[{at}]", value)
        destroy = ["destroy", "--preview-only"] if run["operation"] == "destroy" else ["preview"]
        preview = self._events(*destroy)
        if run["operation"] == "kill":
            self._kill()
            self._call("cancel", "--yes")
            return {**run, "preview": preview, "state": self._state()}
        go_on = [] if run.get("stops") else ["--continue-on-error"]
        done = self._events(run["operation"], "--yes", "--skip-preview", *go_on)
        outputs = json.loads(self._call("stack", "output", "--json").stdout)
        return {**run, "preview": preview, "done": done, "outputs": outputs, "state": self._state()}

    def _events(self, *words: str) -> dict[str, Any]:
        self._log.unlink(missing_ok=True)
        ended = self._call(*words, "--event-log", str(self._log), check=False)
        events = [json.loads(line) for line in self._log.read_text().splitlines()]
        steps: dict[str, list[str]] = {}
        failed: dict[str, list[str]] = {}
        for event in events:
            for key, into in (("resourcePreEvent", steps), ("resOpFailedEvent", failed)):
                step = event.get(key, {}).get("metadata")
                if step and "pulumi:providers:command::default_" not in step["urn"]:
                    into.setdefault(step["urn"], []).append(step["op"])
        summaries = [event["summaryEvent"] for event in events if "summaryEvent" in event]
        changes = dict(summaries[-1]["resourceChanges"]) if summaries else {}
        for urn, ops in failed.items():
            for op in ops:
                steps[urn].remove(op)
            if "create-replacement" in ops and "replace" in steps[urn]:
                steps[urn].remove("replace")  # counted by the real engine, but it failed
                changes["replace"] -= 1
        return {
            "ok": ended.returncode == 0,
            "steps": {urn: ops for urn, ops in sorted(steps.items()) if ops},
            "failed": dict(sorted(failed.items())),
            "changes": {op: count for op, count in sorted(changes.items()) if count},
        }

    def _kill(self) -> None:
        begun = self._program / "started"
        with subprocess.Popen(
            [self._pulumi, "up", "--yes", "--skip-preview", "--non-interactive"],
            cwd=self._program,
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            while not begun.exists():
                time.sleep(0.05)
            time.sleep(0.5)  # the engine records the end of earlier steps
            os.killpg(process.pid, signal.SIGKILL)

    def _state(self) -> list[dict[str, Any]]:
        exported = json.loads(self._call("stack", "export").stdout)
        resources = exported["deployment"].get("resources", [])
        kept = [
            {key: masked(item[key]) for key in STATE_KEYS if item.get(key)}
            for item in resources
            if "pulumi:providers:" not in item["urn"]
        ]
        for item in kept:
            item["dependencies"] = sorted(item.get("dependencies", []))
        return sorted(kept, key=lambda item: (item["urn"], bool(item.get("delete"))))

    def _call(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._pulumi, *words, "--non-interactive", "--stack", "dev"]
            if words[:2] != ("stack", "init")
            else [self._pulumi, *words, "--non-interactive"],
            cwd=self._program,
            env=self._env,
            check=check,
            capture_output=True,
            text=True,
        )


def masked(value: Any) -> Any:
    """The value with its secrets as `[secret]`."""
    if isinstance(value, dict):
        if SECRET in value:
            return "[secret]"
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def main() -> None:
    """Record the named sequences, or all."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        sys.exit("There is no `pulumi` on PATH, so nothing can be recorded.")
    RECORDINGS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SEQUENCES:
        recording = record(name, pulumi)
        text = json.dumps(recording, indent=1, sort_keys=True)
        (RECORDINGS / f"{name}.json").write_text(text + "\n")
        print(name)


if __name__ == "__main__":
    main()
