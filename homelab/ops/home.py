"""Build and activate the owner's home on this machine, without NixOS: the Mac, another laptop."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from homelab.ops.project.stack import Stack
from homelab.ops.project.trees import write_releases
from homelab.problems import HomelabError, UsageError, did_you_mean

BACKUP = "before-home-manager"
"""Ending of a file that was in the way, as on NixOS hosts."""
_SYSTEMS = {"darwin": "darwin", "linux": "linux"}
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}


def own_name(stack: Stack, name: str = "") -> str:
    """The named home-manager host, or the one with this machine's name, or the only one.

    Raises UsageError.
    """
    plan = stack.plan
    homes = [h.name for h in plan.hosts.values() if not h.is_nixos and h.name in stack.releases]
    if name in plan.hosts and plan.hosts[name].is_nixos:
        raise UsageError(f"{name} is a NixOS host, and pulumi up switches it with its homes")
    if name and name not in homes:
        way_out = did_you_mean(name, homes, "hosts")
        raise UsageError(f'there is no home-manager host "{name}"; {way_out}')
    here = platform.node().partition(".")[0].lower()
    found = name or (here if here in homes else "") or (homes[0] if len(homes) == 1 else "")
    if not found:
        raise UsageError(
            f"this machine is called {here}; name its host: {', '.join(homes)}"
            if homes
            else "the stack has no host of kind: home-manager with files"
        )
    return found


def switch_home(stack: Stack, name: str, report: Callable[[str], None], *, dry: bool) -> None:
    """Write the files of a home, build it with Nix, and activate it unless `dry`.

    Raises HomelabError if this is another machine or user, or if Nix or home-manager fails.
    """
    host, user = stack.plan.hosts[name], stack.plan.stack.site.owner.user
    _is_here(host.config.platform, name)
    if getpass.getuser() != user:
        raise HomelabError(
            f"{name}: this is the home of {user}, and you are {getpass.getuser()}; log in as {user}"
        )
    top = _directory(stack.name)
    write_releases(top, {name: stack.releases[name]})
    report(f"{name}: release {stack.releases[name].id} is in {top / name}")
    home = _build(f"path:{top / name}#homeConfigurations.{user}.activationPackage", name)
    report(f"{name}: built {home}")
    if dry:
        report(f"{name}: not activated")
        return
    done = subprocess.run(
        [str(Path(home) / "activate")],
        env={**os.environ, "HOME_MANAGER_BACKUP_EXT": BACKUP},
        check=False,
    )
    if done.returncode:
        raise HomelabError(
            f"{name}: home-manager's activation exited with {done.returncode}; its message is above"
        )
    report(f"{name}: activated")


def _is_here(wanted: str, name: str) -> None:
    machine = platform.machine().lower()
    here = f"{_MACHINES.get(machine, machine)}-{_SYSTEMS.get(sys.platform, sys.platform)}"
    if here != wanted:
        raise HomelabError(f"{name} is {wanted}, and this machine is {here}; run it on {name}")


def _directory(stack: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "homelab" / "homes" / stack


def _build(target: str, name: str) -> str:
    words = ["nix", "--extra-experimental-features", "nix-command flakes", "build"]
    words += ["--no-link", "--print-out-paths", "--no-update-lock-file", target]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise HomelabError(
            "nix is not on PATH; install Nix on this machine: https://nixos.org/download"
        ) from None
    lines = done.stdout.decode(errors="replace").split()
    if done.returncode or len(lines) != 1:
        raise HomelabError(
            f"{name}: Nix exited with {done.returncode} and built nothing; its message is above"
        )
    return lines[0]
