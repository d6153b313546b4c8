"""What `pulumi preview` of the home stack costs beside a program written by hand.

The other program registers as many resources, of the same types, with the same inputs and parents.
Both run under the real engine, with the real command provider. The clouds' plugins are stand-ins.
"""

from __future__ import annotations

import compileall
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from homelab.config.document import read_document
from homelab.lab import laptop
from homelab.testing.mocks import run
from tests import build
from tests.engine import plugin

NEEDED = ("pulumi", "pulumi-language-python", "pulumi-resource-command", "uv")
PACKAGES = ("cloudflare", "tailscale")
BY_HAND = """
import json
from pathlib import Path
import pulumi, pulumi_command, pulumi_tailscale

made = {}
for item in json.loads(Path("resources.json").read_text()):
    type_, name, inputs = item["type"], item["name"], item["inputs"]
    for key in item["secrets"]:
        if key in inputs:
            inputs[key] = pulumi.Output.secret(inputs[key])
    provider = made.get(item["provider"].rpartition("::")[0])
    opts = pulumi.ResourceOptions(parent=made.get(item["parent"]), version=item["version"])
    if type_.startswith("pulumi:providers:"):
        made[item["urn"]] = pulumi.ProviderResource(type_.rpartition(":")[2], name, inputs, opts)
    elif item["custom"]:
        opts.provider = provider
        made[item["urn"]] = pulumi.CustomResource(type_, name, inputs, opts)
    else:
        opts.version = None
        made[item["urn"]] = pulumi.ComponentResource(type_, name, inputs, opts)
        made[item["urn"]].register_outputs({})
"""


def lacking() -> list[str]:
    """Programs that the measurement needs and PATH does not have."""
    return [name for name in NEEDED if shutil.which(name) is None]


@dataclass
class Project:
    """A stack under the real engine."""

    directory: Path
    environment: dict[str, str]

    def pulumi(self, *words: str) -> str:
        """Run a command of the engine; what it printed."""
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive", "--color", "never"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"pulumi {' '.join(words)}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    def preview(self) -> float:
        """Processor seconds of a first preview: of the engine, its plugins and the program.

        On a busy machine the seconds of a clock say more about what else runs there.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.pulumi("preview", "--suppress-outputs")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def projects() -> Iterator[tuple[Project, Project]]:
    """The home stack, and the program written by hand. Both find compiled modules, as in every run
    but the first.
    """
    for package in ("homelab", "components", "lab"):
        compileall.compile_dir(build.ROOT / package, quiet=2)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for package in PACKAGES:
            plugin.install(place / "plugins", package)
        (place / "state").mkdir()
        (place / "tools").mkdir()
        sops = place / "tools/sops"
        # As fast as the real one; the lab's stand-in is Python.
        sops.write_text(f"#!/bin/sh\nprintf {laptop.stand_in('any')}\n")
        sops.chmod(0o755)
        tools = (place / "tools", place / "plugins")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "HOMELAB_"))},
            "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"]]),
            "PYTHONPATH": str(build.ROOT),
            "PULUMI_HOME": str(place / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{place / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only a measurement's",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "UV_PROJECT_ENVIRONMENT": sys.prefix,
        }
        ours = Project(place / "ours", environment)
        shutil.copytree(build.SHIPPED, ours.directory)
        by_hand = Project(place / "plain", environment)
        by_hand.directory.mkdir()
        shutil.copy(build.SHIPPED / "Pulumi.yaml", by_hand.directory)
        (by_hand.directory / "resources.json").write_text(json.dumps(recorded_resources()), "utf-8")
        (by_hand.directory / "__main__.py").write_text(BY_HAND, "utf-8")
        for project, stack in ((ours, "home"), (by_hand, "plain")):
            # Without it the engine does not know what the program needs.
            shutil.copy(build.ROOT / "uv.lock", project.directory)
            project.pulumi("stack", "init", stack)
        yield ours, by_hand


def recorded_resources() -> list[dict[str, object]]:
    """What the home stack registers, as data."""
    settings = read_document(build.SHIPPED / "Pulumi.home.yaml").settings
    config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in settings.items()}
    recorded = run(build.SHIPPED.resolve(), "home", config, preview=False)
    versions = {"command": metadata.version("pulumi-command")}
    return [
        {
            "type": r.type,
            "name": r.name,
            "urn": r.urn,
            "parent": r.parent,
            "custom": r.custom,
            "inputs": r.inputs,
            "secrets": sorted(r.secrets),
            "provider": r.provider,
            "version": versions.get(r.type.split(":")[0]),
        }
        for r in recorded.resources
    ]
