"""Secrets are only where they are read: not in state, output, files, arguments or errors.

After one rehearsal, every secret is known from the hosts' secrets directories. Each is then
searched for everywhere else, in plain text and in base64.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.lab import laptop
from homelab.render import render
from tests import build, stackdir

pytestmark = pytest.mark.lab

STACK: dict[str, Any] = {
    "deploy": {"confirm_seconds": 5, "settle_seconds": 0, "activation_seconds": 30},
    "site": {"names": {"public": "{name}-home.{zone}"}},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "services": {"authelia": {"publish": "tunnel"}, "miniflux": {"host": "nas"}},
    # All its secrets are in one resource, and may wait on a relay that must not read them.
    "hosts": {"nas": {"always_on": False, "offline": {"pull_from": "pi"}}},
}
LAPTOP = tuple(
    laptop.stand_in(path)
    for path in ('["master"]', '["cloudflare"]["token"]', '["authelia"]["users"]')
)
CLOUDS = ("cloudflare.json", "tailscale.json")
"""The files of the stand-ins for clouds."""
COMMANDS = (
    "base64", "bash", "cat", "chmod", "chown", "cmp", "cp", "diff", "find", "install", "ln",
    "mkdir", "mktemp", "mv", "rm", "sh", "sync", "touch", "tr", "sed", "grep", "env", "readlink",
)  # fmt: skip


@dataclass
class Poisoned:
    """A rehearsal that records every program that a host runs."""

    directory: Path
    output: str = ""

    @property
    def place(self) -> Path:
        return self.directory / ".homelab/lab" / stackdir.NAME

    @property
    def arguments(self) -> Path:
        return self.directory / "arguments"

    def wrap(self, *, failing: str = "") -> None:
        """Wrap the commands of hosts so that they record their arguments."""
        commands = self.place / "bin"
        commands.mkdir(parents=True, exist_ok=True)
        for name in COMMANDS:
            real = shutil.which(name)
            assert real
            last = f"echo {name} fails >&2; exit 1" if name == failing else f'exec {real} "$@"'
            (commands / name).write_text(
                f"#!{shutil.which('sh')}\nprintf '%s\\n' {name} \"$@\" >>{self.arguments}\n{last}\n"
            )
            (commands / name).chmod(0o755)

    def up(self) -> subprocess.CompletedProcess[str]:
        return self.lab("up")

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "homelab", "lab", *words, "-C", str(self.directory)],
            env={**os.environ, "PYTHONPATH": str(build.ROOT), "PULUMI_DEBUG_COMMANDS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.output += done.stdout + done.stderr
        return done

    def secrets(self) -> set[str]:
        """Every secret value of a host or the deployer."""
        found = set(LAPTOP)
        for path in self.place.glob("hosts/*/root/var/lib/homelab/secrets/**/*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                if path.name == "cloudflared-credentials":
                    # The ids of account and tunnel are in it; they are not secrets.
                    found.add(json.loads(text)["TunnelSecret"])
                    continue
                found |= set(re.findall(r"[A-Za-z0-9_+/=-]{20,}", text)) | {text.strip()}
        return {f for f in found if len(f) >= 20}

    def forms(self) -> set[bytes]:
        """The values and their base64 forms."""
        values = {s.encode() for s in self.secrets()}
        return values | {base64.b64encode(v).rstrip(b"=")[:-1] for v in values}


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Poisoned:
    lab = Poisoned(stackdir.write_stack(tmp_path_factory.mktemp("poison") / "stack", STACK))
    lab.wrap()
    done = lab.up()
    assert done.returncode == 0, lab.output
    return lab


def test_the_rehearsal_has_secrets(poisoned: Poisoned) -> None:
    hosts = {p.parts[-1] for p in poisoned.place.glob("hosts/*/root/var/lib/homelab/secrets")}
    assert hosts
    assert len(poisoned.secrets()) >= 8
    names = {p.name for p in poisoned.place.glob("hosts/pi/root/var/lib/homelab/secrets/**/*")}
    assert {"cloudflared-credentials", "acme-cloudflare", "authelia-jwt"} <= names


def test_no_secret_is_in_any_other_file(poisoned: Poisoned) -> None:
    """State, logs, releases and all other files of a rehearsal."""
    forms = poisoned.forms()
    left = []
    for path in sorted(poisoned.place.rglob("*")):
        where = path.relative_to(poisoned.place)
        own = re.match(r"hosts/[^/]+/root/(var/lib|run)/homelab/secrets/", where.as_posix())
        if path.is_symlink() or not path.is_file() or own or where.name in CLOUDS:
            continue
        data = path.read_bytes()
        left += [where.as_posix() for form in forms if form in data]
    assert left == []


def test_no_secret_is_shown(poisoned: Poisoned) -> None:
    shown = poisoned.output.encode()
    assert b"created" in shown
    assert [f for f in poisoned.forms() if f in shown] == []


def test_no_process_carries_a_secret_in_its_arguments(poisoned: Poisoned) -> None:
    said = poisoned.arguments.read_bytes()
    assert b"mktemp" in said, "the wrappers were asked"
    assert [f for f in poisoned.forms() if f in said] == []


def test_no_generated_file_holds_a_secret(poisoned: Poisoned) -> None:
    made = build.plan(stackdir.changed(STACK))
    text = json.dumps(
        {h: [str(c) for _, c in r.files] for h, r in render(made, build.sources(made)).items()}
    )
    assert [s for s in poisoned.secrets() if s in text] == []


def test_a_failed_script_reveals_no_secret(poisoned: Poisoned) -> None:
    """A rotation whose script fails half-way and prints its variables to stderr."""
    before = poisoned.secrets()
    changes = testing.merged(STACK, {"secrets": {"epochs": {"miniflux": 2, "authelia": 2}}})
    stackdir.write_stack(poisoned.directory, changes)
    poisoned.wrap(failing="chmod")
    poisoned.output = ""
    done = poisoned.up()
    assert done.returncode == 1
    assert "chmod fails" in poisoned.output
    shown = poisoned.output.encode()
    assert [f for f in poisoned.forms() if f in shown] == []

    # After the fix, the rotated secrets arrive.
    poisoned.wrap()
    assert poisoned.up().returncode == 0, poisoned.output
    assert poisoned.secrets() - before
    test_no_secret_is_in_any_other_file(poisoned)
    shown = poisoned.output.encode()
    assert [f for f in poisoned.forms() if f in shown] == []


@pytest.mark.requirement("S0-67")
def test_a_bundle_for_an_offline_host_reveals_no_secret(poisoned: Poisoned) -> None:
    """Neither to the relay nor in transit."""
    for tool in ("age", "ssh-keygen", "ssh-keyscan"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there")
    before = poisoned.secrets()
    changes = testing.merged(STACK, {"secrets": {"epochs": {"miniflux": 3, "authelia": 2}}})
    stackdir.write_stack(poisoned.directory, changes)
    poisoned.output = ""
    assert poisoned.lab("inject", "nas", "offline").returncode == 0
    assert poisoned.up().returncode == 1
    assert "waits for it on pi since" in poisoned.output
    assert poisoned.lab("clear", "nas").returncode == 0
    assert poisoned.lab("pull", "nas").returncode == 0, poisoned.output
    assert poisoned.up().returncode == 0, poisoned.output
    assert poisoned.secrets() - before
    assert (poisoned.place / "hosts/pi/root/var/lib/homelab-bundles/nas/bundle").exists()
    test_no_secret_is_in_any_other_file(poisoned)
    test_no_process_carries_a_secret_in_its_arguments(poisoned)
    shown = poisoned.output.encode()
    assert [f for f in poisoned.forms() if f in shown] == []
