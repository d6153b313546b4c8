"""Create the root directory of a lab host, and the commands on its PATH."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

COMMANDS: Final = {
    "nixos-rebuild": "nixos_rebuild",
    "nix": "nix",
    "nix-env": "nix_env",
    "nix-store": "nix_store",
    "systemd-run": "systemd_run",
    "systemctl": "systemctl",
    "bootctl": "bootctl",
    "tailscale": "tailscale",
    "curl": "curl",
    "nc": "nc",
    "ssh": "ssh",
    "ssh-keyscan": "ssh_keyscan",
    "systemd-inhibit": "systemd_inhibit",
    "lab-switch-to-configuration": "switch_to_configuration",
}
"""Each stand-in, and the module in this directory that implements it."""

_SYSTEM_PATH: Final = "/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def install(directory: Path) -> None:
    """Write the stand-ins into a directory, to be put first on PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    commands = dict(COMMANDS)
    if shutil.which("flock", path=_SYSTEM_PATH) is None:
        commands["flock"] = "flock"
    program = Path(__file__).with_name("__main__.py")
    # A stand-in checks more if this machine has the real parser.
    parser = shutil.which("nix-instantiate") or ""
    for name, module in commands.items():
        words = [sys.executable, "-S", "-E", "-s", str(program), module]
        _executable(
            directory / name,
            f'LAB_NIX_INSTANTIATE={shlex.quote(parser)} exec {shlex.join(words)} "$@"',
        )
    _executable(directory / "sudo", '[ "$1" != -n ] || shift\nexec "$@"')


def install_wakers(directory: Path, hosts: Iterable[str]) -> None:
    """Write the wake command of each host, as every appliance has it."""
    program = Path(__file__).with_name("__main__.py")
    for name in hosts:
        words = [sys.executable, "-S", "-E", "-s", str(program), "wake", name]
        _executable(directory / f"wake-{name}", f"exec {shlex.join(words)}")


def make_root(root: Path, name: str, commands: Path) -> None:
    """Create a freshly installed host, unless it exists: one system, running and booted."""
    profiles = root / "nix/var/nix/profiles"
    if profiles.exists():
        return
    for folder in ("run", "var/lib", "var/log", "root", "etc/ssh", "proc/sys/kernel/random"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "sys/firmware/efi/efivars").mkdir(parents=True)
    (root / "proc/sys/kernel/random/boot_id").write_text("first boot\n")
    system = make_system(root, "0" * 32, name, "as-installed", commands)
    (root / "run/current-system").symlink_to(system)
    (root / "run/booted-system").symlink_to(system)
    profiles.mkdir(parents=True)
    entries = root / "boot/loader/entries"
    entries.mkdir(parents=True)
    (entries / f"{system.name}.conf").write_text(f"title NixOS\noptions init={system}/init\n")
    (root / "boot/loader/loader.conf").write_text(f"default {system.name}.conf\n")
    (profiles / "system-1-link").symlink_to(system)
    (profiles / "system").symlink_to("system-1-link")


def make_system(
    root: Path, digest: str, host: str, version: str, commands: Path, init: str = "1"
) -> Path:
    """Create a system in the host's store atomically. Returns its path.

    `init` is NixOS's version of the init interface. A system with another one can only be booted.
    """
    name = f"{digest}-nixos-system-{host}-{version}"
    store = root.resolve() / "nix/store"
    target, work = store / name, store / f".{name}"
    if target.exists():
        return target
    shutil.rmtree(work, ignore_errors=True)
    (work / "bin").mkdir(parents=True)
    (work / "nixos-version").write_text(version + "\n")
    (work / "init-interface-version").write_text(init + "\n")
    program = shlex.quote(str(commands / "lab-switch-to-configuration"))
    _executable(
        work / "bin/switch-to-configuration", f'exec {program} {shlex.quote(str(target))} "$@"'
    )
    work.rename(target)
    return target


def environment(root: Path, commands: Path) -> dict[str, str]:
    """The environment of a command on the host. Nothing of the deployer's is passed on."""
    return {
        "HOMELAB_ROOT": str(root.resolve()),
        "HOME": str(root.resolve() / "root"),
        "USER": "root",
        "LOGNAME": "root",
        "PATH": f"{commands}:{_SYSTEM_PATH}",
    }


def _executable(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
