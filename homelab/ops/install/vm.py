"""`homelab vm`: build a host as a virtual machine with Nix, and start it."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from homelab.config.host_options import VARIABLE, WIFI
from homelab.install.vm import StandIns, output, placed_in, vm_tree, ways_in
from homelab.ops.install.model import Report
from homelab.ops.install.nix import build_with_nix
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import Stack
from homelab.ops.project.trees import write_releases
from homelab.ops.secrets.derive import derive_secret
from homelab.ops.secrets.new_file import Tree, sealed_text
from homelab.ops.secrets.sshkeys import private_half, public_half
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.secret_paths import FOR_USERS, secret_name
from homelab.secrets.age import age_recipient
from homelab.secrets.model import Secret
from homelab.system.model import Host

_MASTER = base64.b64encode(hashlib.sha256(b"homelab vm: no secret").digest()).decode()
_VALUE = "stand-in"
_LOCKED = "!"
"""A password hash that no password has."""
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}


def run_vm(
    stack: Stack, name: str, report: Report, *, memory_mib: int, ssh_port: int, start: bool
) -> int:
    """Build the machine, say how to reach it, and start it until it is switched off. The exit code.

    Raises UsageError for a host that is none, HomelabError if Nix fails.
    """
    plan = stack.plan
    known = [n for n in stack.releases if plan.hosts[n].is_nixos]
    if name not in known:
        way_out = did_you_mean(name, known, "hosts")
        raise UsageError(f'there is no NixOS host "{name}" with files; {way_out}')
    host = plan.hosts[name]
    _is_here(host)
    sources, _ = read_sources(stack.directory, plan)
    tree = vm_tree(
        plan,
        host,
        stack.releases[name],
        sources,
        made_up(plan, host),
        memory_mib=memory_mib,
        ssh_port=ssh_port,
    )
    top = _directory(stack.name)
    write_releases(top, {name: tree})
    report(f"{name}: building; its files are in {top / name}")
    link = top / f"{name}.result"
    build_with_nix(
        f"path:{top / name}#nixosConfigurations.{output(host)}.config.system.build.vm",
        link,
        "rehearse without it: homelab lab up",
    )
    report(f"{name}: nothing gets out of the machine, and every secret in it is a stand-in")
    for line in ways_in(plan, host, ssh_port):
        report(line)
    program = next(iter(sorted((link / "bin").glob("run-*-vm"))), None)
    if program is None:
        raise HomelabError(f"{name}: {link} has no program to run; is nix on PATH another one?")
    if not start:
        report(f"start it: NIX_DISK_IMAGE={top / name}.qcow2 {program}")
        return 0
    report(f"{name}: its console follows; Ctrl-A X ends it, and {top / name}.qcow2 is its disk")
    environment = {**os.environ, "NIX_DISK_IMAGE": f"{top / name}.qcow2"}
    return subprocess.run([str(program)], env=environment, check=False).returncode


def made_up(plan: Plan, host: Host) -> StandIns:
    """Stand-ins for the secrets of a host: right in form, and of no worth."""
    # Always the same, as everything else about it that need not change.
    recipient = age_recipient(public_half(_MASTER).removeprefix("restrict "))
    by_key = {s.key: _stored(s) for s in plan.secrets.stored_on(host.name)}
    stored = {
        place: sealed_text(_tree(by_key, keys), [recipient], datetime.now(UTC))
        for place, keys in placed_in(plan, host).items()
    }
    sent = {
        s.name: derive_secret(_MASTER, s) if s.source == "derived" else f"{_VALUE}\n"
        for s in plan.secrets.on(host.name)
        if s.is_sent
    }
    return StandIns(stored, private_half(_MASTER), sent)


def _stored(secret: Secret) -> str:
    if secret.name == secret_name(*WIFI):
        return f"{VARIABLE}={_VALUE}"
    return _LOCKED if secret.path.startswith(FOR_USERS) else _VALUE


def _tree(values: dict[str, str], keys: list[str]) -> Tree:
    whole: dict[str, object] = {}
    for key in keys:
        *above, last = key.split("/")
        here = whole
        for part in above:
            inner = here.setdefault(part, {})
            assert isinstance(inner, dict)
            here = inner
        here[last] = values[key]
    return whole  # type: ignore[return-value]


def _is_here(host: Host) -> None:
    machine = platform.machine().lower()
    here = f"{_MACHINES.get(machine, machine)}-linux"
    if host.config.platform != here:
        raise HomelabError(
            f"{host.name} is {host.config.platform}, and a virtual machine on this one is {here}; "
            "run it on a machine of that kind, or try the services with homelab lab up"
        )


def _directory(stack: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "homelab" / "vms" / stack
