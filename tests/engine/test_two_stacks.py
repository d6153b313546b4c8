"""Two stacks of one project under the real engine, and a project in any directory."""

from __future__ import annotations

import json
import shutil
import site
import subprocess
import venv

import pytest
import yaml

from homelab import testing
from tests import build, stackdir

from .conftest import Real, at_loopback
from .test_program import EVERYTHING, NO_BACKUP, of, services

CABIN = "cabin"


def write_cabin(real: Real, **miniflux: object) -> None:
    """Write the second stack file with one host."""
    host = {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/nas/hardware.nix",
    }
    hosts = {name: testing.merged(host, reached) for name, reached in real.second.items()}
    changes = testing.merged(
        at_loopback({"pi": None, "nas": None, **hosts}),
        {
            "site": {"domain": "cabin.example.org"},
            "network": {"entry": {"host": "hut"}, "dns": {"host": "hut"}},
            "secrets": {"namespace": CABIN},
            "services": {"miniflux": {"host": "hut", **NO_BACKUP, **miniflux}},
        },
    )
    real.write_secrets(changes)
    file = real.directory / f"Pulumi.{CABIN}.yaml"
    salt = [
        line
        for line in (file.read_text().splitlines() if file.exists() else [])
        if line.startswith("encryptionsalt")
    ]
    file.write_text("\n".join([stackdir.stack_text(changes), *salt, ""]))


def test_two_stacks_are_brought_up_one_is_changed_and_one_destroyed(real: Real) -> None:
    first, second = ("--stack", stackdir.NAME), ("--stack", CABIN)
    real.write(services())
    up = real.up(*first)
    assert up.ok, up.text
    wanted = real.wanted_releases(stackdir.NAME)
    reached = dict(real.lab.connections)

    init = real.pulumi("stack", "init", CABIN)
    assert init.returncode == 0, init.stderr
    write_cabin(real)
    up = real.up(*second)
    assert up.ok, up.text
    assert {"hut-files", "hut-secrets", "hut-build", "hut-switch"} <= up.steps.keys()
    assert real.wanted_releases(CABIN) == {"hut": real.release("hut")}
    for host in wanted:
        assert real.lab.connections[host] == reached[host]

    # One master key, and no password is the same in both stacks.
    sent = {
        host: {p.read_text() for p in place.rglob("miniflux-admin")}
        for host in ("nas", "hut")
        if (place := real.lab.root(host) / "var/lib/homelab/secrets")
    }
    assert sent["nas"]
    assert sent["hut"]
    assert not sent["nas"] & sent["hut"]

    write_cabin(real, port=8123)
    changed = real.up(*second)
    assert changed.ok, changed.text
    assert changed.steps["hut-switch"] == "update"
    again = real.up(*first, "--expect-no-changes")
    assert again.ok, again.text

    gone = real.run("destroy", "--yes", "--skip-preview", *second)
    assert gone.ok, gone.text
    assert set(gone.steps.values()) == {"delete"}
    again = real.up(*first, "--expect-no-changes")
    assert again.ok, again.text
    assert {host: real.release(host) for host in wanted} == wanted
    assert dict(real.lab.connections) | {"hut": 0} == reached | {"hut": 0}


def test_a_target_of_one_host_reaches_that_host_alone(real: Real) -> None:
    """The guide's way to deploy one host: names of its resources start with its name."""
    real.write(services())
    up = real.up()
    assert up.ok, up.text
    reached = dict(real.lab.connections)
    real.write(testing.merged(services(), {"hosts": {"nas": {"zram": {"percent": 31}}}}))
    up = real.up("--target", "**:Host::nas", "--target", "**:Command::nas-*")
    assert up.ok, up.text
    assert up.steps == dict.fromkeys(of("nas", *EVERYTHING), "update")
    assert real.lab.connections["pi"] == reached["pi"]


@pytest.mark.parametrize("toolchain", ["uv", "pip"])
def test_a_project_works_below_the_root_of_its_environment_and_with_one_of_its_owners(
    real: Real, toolchain: str
) -> None:
    """At a path with a space. Pulumi finds the environment by its own variables."""
    top = real.directory.parent / "a clone"
    below = top / "examples" / "my home"
    below.parent.mkdir(parents=True)
    shutil.move(real.directory, below)
    # As in a clean clone.
    shutil.rmtree(below / ".homelab", ignore_errors=True)
    real.directory = below
    (below / "uv.lock").unlink()
    real.write(services())
    # A copy, because uv might change the environment of the tests.
    own = top / ".venv" if toolchain == "uv" else top / "an environment"
    venv.create(own, symlinks=True, with_pip=toolchain == "pip")
    [packages] = (own / "lib").glob("python*/site-packages")
    lines = [*site.getsitepackages(), str(build.ROOT)]
    (packages / "tests.pth").write_text("\n".join(lines) + "\n")
    if toolchain == "uv":
        real.environment.pop("UV_PROJECT_ENVIRONMENT")
        # A uv project without dependencies, so that its sync fetches nothing.
        (top / "pyproject.toml").write_text(
            '[project]\nname = "clone"\nversion = "1"\nrequires-python = ">=3.11"\n'
            "[tool.uv]\npackage = false\n"
        )
        subprocess.run(["uv", "lock", "--offline", "-q"], cwd=top, check=True)
    else:
        # uv's environment variable must not have an effect here.
        real.environment["UV_PROJECT_ENVIRONMENT"] = str(top / "nowhere")
        project = yaml.safe_load((below / "Pulumi.yaml").read_text())
        options = {"toolchain": "pip", "virtualenv": str(own)}
        project["runtime"] = {"name": "python", "options": options}
        (below / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    up = real.up("--stack", stackdir.NAME)
    assert up.ok, up.text
    assert {host: real.release(host) for host in ("pi", "nas")} == real.wanted_releases(
        stackdir.NAME
    )
    # The text of a switch does not depend on the machine.
    state = json.loads(real.pulumi("stack", "export", "--stack", stackdir.NAME).stdout)[
        "deployment"
    ]["resources"]
    [switch] = [r for r in state if r["urn"].endswith("::nas-switch")]
    assert str(own) not in json.dumps(switch["inputs"])
    assert str(top) not in json.dumps(switch["inputs"])
