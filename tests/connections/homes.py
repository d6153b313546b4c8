"""A homelab with a media family, and its connections run by the real script."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.plan import Plan
from homelab.render import render
from tests import build
from tests.connections.standin import App

SCRIPT = build.ROOT / "homelab/connections/connect.sh"
MEDIA: dict[str, object] = {
    "datasets": {
        "media": {
            "host": "nas",
            "path": "/mnt/media",
            "tier": "re-derivable",
            "group": "media",
            "dirs": {"tv": {}, "films": {}, "downloads": {}},
        }
    },
}
BOTH = {"media": "media", "downloads": "media"}


def service(**settings: object) -> dict[str, object]:
    """A service on the NAS that only the operator opens."""
    return {"host": "nas", "audience": "operator", **settings}


def file_of(plan: Plan, host: str, path: str) -> str:
    """The text of a file of a host."""
    text = dict(render(plan, build.sources(plan))[host].files)[path]
    assert isinstance(text, str)
    return text


@dataclass
class Run:
    """How one run of the script ended."""

    status: int
    journal: str


@dataclass
class Unit:
    """The unit that connects one service, with stand-ins in place of the apps."""

    directory: Path
    data: dict[str, object]
    keys: Mapping[str, str]
    turns: int = 2
    trace: bool = False

    def run(self) -> Run:
        """One run of the script, as systemd starts it."""
        credentials, state = self.directory / "credentials", self.directory / "state"
        credentials.mkdir(exist_ok=True)
        state.mkdir(exist_ok=True)
        for name, key in self.keys.items():
            (credentials / name).write_text(key)
        data = self.directory / "data.json"
        data.write_text(json.dumps(self.data))
        ended = subprocess.run(
            ["bash", "-e", *(["-x"] if self.trace else []), str(SCRIPT), str(data)],
            env={
                "PATH": f"{self.directory / 'bin'}:/usr/bin:/bin",
                "CREDENTIALS_DIRECTORY": str(credentials),
                "STATE_DIRECTORY": str(state),
                "HOMELAB_TURNS": str(self.turns),
                "HOMELAB_PAUSE": "0.05",
                "TMPDIR": str(self.directory),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(ended.returncode, ended.stdout + ended.stderr)


def unit(plan: Plan, host: str, name: str, apps: Mapping[str, App], directory: Path) -> Unit:
    """The rendered data of a service's connections, with the ports of the stand-ins."""
    text = file_of(plan, host, f"lib/connections-{name}.json")
    data = json.loads(text)
    for app, standin in apps.items():
        used = plan.service(app)
        assert used is not None
        text = text.replace(f"127.0.0.1:{used.port}", f"127.0.0.1:{standin.port}")
        text = text.replace(f'"port": {used.port}', f'"port": {standin.port}')
    data = json.loads(text)
    directory.mkdir(parents=True, exist_ok=True)
    return Unit(directory, data, {n: a.key for n, a in apps.items()})
