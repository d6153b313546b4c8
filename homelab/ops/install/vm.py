"""`homelab vm`: build a host as a virtual machine with Nix, and start it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from homelab.install.vm import output, vm_tree, ways_in
from homelab.ops.install.model import Report
from homelab.ops.install.nix import build_with_nix
from homelab.ops.install.stand_ins import made_up
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import Stack
from homelab.ops.project.trees import write_releases
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.system.model import Host

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
