"""nix build of one host's system; any other call is for the real Nix, if this machine has one.

A system has the same path on each host, as in a real store. The stand-ins make it below each root.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from . import nixos_rebuild
from .file import File
from .host import commands, fault_of, record, refuse

STORE = "/nix/store"
_SYSTEM = re.compile(r'nixosConfigurations\."([^"]+)"\.config\.system\.build\.toplevel')
_RELEASE = re.compile(r"[0-9a-z]{2,12}")


def main(arguments: list[str]) -> int:
    """Build the system, and link it where `--out-link` says."""
    last = arguments[-1] if arguments else ""
    flake, _, attribute = last.removeprefix("path:").partition("#")
    named = _SYSTEM.fullmatch(attribute)
    if named is None or "build" not in arguments:
        return _real(arguments)
    record("nix", arguments)
    if "--no-update-lock-file" not in arguments:
        refuse("nix", "--no-update-lock-file is missing: a build must not move a pin")
    host = named[1]
    if "--dry-run" in arguments:
        drv = f"{STORE}/{'0' * 32}-nixos-system-{host}.drv"
        print(f"this derivation will be built:\n  {drv}", file=sys.stderr)
        return 0
    if fault := fault_of("build"):
        refuse("nix", f"error: builder for '{host}' failed with exit code 1 ({fault})")
    system = nixos_rebuild.built(Path(flake), host, _version(Path(flake)))
    if system is None:
        return 1
    File(arguments[arguments.index("--out-link") + 1]).link_to(f"{STORE}/{system.name}")
    return 0


def _version(flake: Path) -> str:
    """The id of the release, which the tree has in a file."""
    found = _RELEASE.search((flake / "release-id.nix").read_text())
    return found[0] if found else "unnamed"


def _real(arguments: list[str]) -> int:
    others = [p for p in os.environ["PATH"].split(":") if p != str(commands)]
    program = shutil.which("nix", path=":".join(others))
    if program is None:
        refuse("nix", "command not found", 127)
    os.execv(program, ["nix", *arguments])
