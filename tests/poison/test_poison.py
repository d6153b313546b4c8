"""A secret is where it is read and nowhere else: not in state, output, files, arguments or errors.

One rehearsal whose every secret is known afterwards, for it lies in the host's own place for
secrets; each is then looked for everywhere else, as it is and in base64.
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
    # All of its secrets travel in one resource, and may wait on a host that must not read them.
    "hosts": {"nas": {"always_on": False, "offline": {"pull_from": "pi"}}},
}
LAPTOP = tuple(
    laptop.stand_in(path)
    for path in ('["master"]', '["cloudflare"]["token"]', '["authelia"]["users"]')
)
CLOUDS = ("cloudflare.json", "tailscale.json")
"""What the clouds themselves remember."""
COMMANDS = (
    "base64", "bash", "cat", "chmod", "chown", "cmp", "cp", "diff", "find", "install", "ln",
    "mkdir", "mktemp", "mv", "rm", "sh", "sync", "touch", "tr", "sed", "grep", "env", "readlink",
)  # fmt: skip


@dataclass
class Poisoned:
    """A rehearsal with every program that a host runs written down."""

    directory: Path
    output: str = ""

    @property
    def place(self) -> Path:
        return self.directory / ".homelab/lab" / stackdir.NAME

    @property
    def arguments(self) -> Path:
        return self.directory / "arguments"

    def wrap(self, *, failing: str = "") -> None:
        """Put something that writes its arguments down in front of what scripts on hosts run."""
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
        """Every value that a host or the laptop knows."""
        found = set(LAPTOP)
        for path in self.place.glob("hosts/*/root/var/lib/homelab/secrets/**/*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                if path.name == "cloudflared-credentials":
                    # Account and tunnel stand in it by name; they are no secrets.
                    found.add(json.loads(text)["TunnelSecret"])
                    continue
                found |= set(re.findall(r"[A-Za-z0-9_+/=-]{20,}", text)) | {text.strip()}
        return {f for f in found if len(f) >= 20}

    def forms(self) -> set[bytes]:
        """The values, and what base64 makes of them."""
        values = {s.encode() for s in self.secrets()}
        return values | {base64.b64encode(v).rstrip(b"=")[:-1] for v in values}


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Poisoned:
    lab = Poisoned(stackdir.write_stack(tmp_path_factory.mktemp("poison") / "stack", STACK))
    lab.wrap()
    done = lab.up()
    assert done.returncode == 0, lab.output
    return lab


def test_there_are_secrets_to_be_found(poisoned: Poisoned) -> None:
    hosts = {p.parts[-1] for p in poisoned.place.glob("hosts/*/root/var/lib/homelab/secrets")}
    assert hosts
    assert len(poisoned.secrets()) >= 8
    names = {p.name for p in poisoned.place.glob("hosts/pi/root/var/lib/homelab/secrets/**/*")}
    assert {"cloudflared-credentials", "acme-cloudflare", "authelia-jwt"} <= names


def test_no_secret_lies_in_any_other_file(poisoned: Poisoned) -> None:
    """State, logs, releases and whatever else a rehearsal leaves."""
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


def test_a_script_that_fails_tells_no_secret(poisoned: Poisoned) -> None:
    """A rotation whose script breaks half-way, with all that it had written to its errors."""
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

    # Mended, the rotated secrets arrive, and they are new ones.
    poisoned.wrap()
    assert poisoned.up().returncode == 0, poisoned.output
    assert poisoned.secrets() - before
    test_no_secret_lies_in_any_other_file(poisoned)
    shown = poisoned.output.encode()
    assert [f for f in poisoned.forms() if f in shown] == []


@pytest.mark.requirement("S0-67")
def test_what_waits_for_a_host_that_sleeps_tells_no_secret(poisoned: Poisoned) -> None:
    """Not to the host that keeps it, and not on its way."""
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
    test_no_secret_lies_in_any_other_file(poisoned)
    test_no_process_carries_a_secret_in_its_arguments(poisoned)
    shown = poisoned.output.encode()
    assert [f for f in poisoned.forms() if f in shown] == []
