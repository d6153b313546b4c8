"""nixos-rebuild: check the flake as far as possible without Nix, then create a system."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from . import nix_text
from .file import File
from .host import commands, fault_of, own, record, refuse, root
from .machine import make_system

_FLAGS = {"--show-trace", "--print-build-logs", "-L", "--keep-going", "--fast", "--no-reexec"}
_FLAGS_WITH_VALUE = {"--build-host", "--builders", "--max-jobs", "-j", "--cores"}


def main(arguments: list[str]) -> int:
    """Build the system that a flake names, and link it as `result` here."""
    record("nixos-rebuild", arguments)
    dry, flake, host = _parse(arguments)
    if dry:
        return _foreseen(flake, host)
    if fault := fault_of("build"):
        print("x" * 200_000, flush=True)
        refuse("nixos-rebuild", f"error: builder for '{host}' failed with exit code 1 ({fault})")
    system = built(flake, host, flake.parent.name)
    if system is None:
        return 1
    File("result").link_to(str(system))
    print(f"building the system configuration...\n{system}")
    return 0


def built(flake: Path, host: str, version: str) -> Path | None:
    """The system of a host in a flake, made in this host's store; None if it does not evaluate."""
    if not _evaluates(flake, host):
        return None
    files = [path for path in sorted(flake.rglob("*")) if path.is_file()]
    digest = hashlib.sha256(host.encode())
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(flake)} {content}\n".encode())
    # A fault may require a reboot for the next system.
    init = fault_of("init") or "1"
    digest.update(init.encode())
    name = digest.hexdigest()[:32]
    return make_system(Path(root), name, host, version, Path(commands), init)


def _foreseen(flake: Path, host: str) -> int:
    if not _evaluates(flake, host):
        return 1
    system = f"/nix/store/{'0' * 32}-nixos-system-{host}"
    print(f"building the system configuration...\nthis derivation will be built:\n  {system}.drv")
    return 0


def _evaluates(flake: Path, host: str) -> bool:
    problems = [*_shape(flake, host), *nix_text.problems(flake), *_parsed(flake)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return not problems


def _parse(arguments: list[str]) -> tuple[bool, Path, str]:
    flake, rest = "", list(arguments)
    action = rest.pop(0) if rest else ""
    if action not in ("build", "dry-build"):
        refuse("nixos-rebuild", f"the lab only builds; it was asked {' '.join(arguments)}")
    locked = False
    while rest:
        match rest:
            case ["--flake", flake, *rest]:
                pass
            case ["--no-update-lock-file", *rest]:
                locked = True
            case ["--option", _, _, *rest]:
                pass
            case [flag, _, *rest] if flag in _FLAGS_WITH_VALUE:
                pass
            case [flag, *rest] if flag in _FLAGS:
                pass
            case _:
                refuse("nixos-rebuild", f"error: unrecognised option '{rest[0]}'")
    if not locked:
        refuse("nixos-rebuild", "--no-update-lock-file is missing: a build must not move a pin")
    path, _, host = flake.removeprefix("path:").partition("#")
    return action == "dry-build", Path(path), host


def _shape(flake: Path, host: str) -> list[str]:
    found = [
        f"{flake}: no {name}"
        for name in ("flake.nix", "default.nix")
        if not (flake / name).is_file()
    ]
    if found:
        return found
    text = nix_text.code((flake / "flake.nix").read_text(errors="replace"), keep_strings=True)
    if "nixosConfigurations" not in text or host not in text:
        found.append(f"flake '{flake}' does not provide 'nixosConfigurations.{host}'")
    return found + nix_text.lock_problems(flake, text)


def _parsed(flake: Path) -> list[str]:
    """Errors of the real parser, if this machine has one."""
    parser = os.environ.get("LAB_NIX_INSTANTIATE")
    paths = sorted(str(path) for path in flake.rglob("*.nix"))
    if not parser or not paths:
        return []
    beside = own / "parser"
    state = {"NIX_STATE_DIR": str(beside / "var"), "NIX_STORE_DIR": str(beside / "store")}
    done = subprocess.run(
        [parser, "--parse", *paths],
        env={"PATH": "/usr/bin:/bin", "HOME": str(root / "root"), **state},
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if done.returncode == 0 else [done.stderr.strip()]
