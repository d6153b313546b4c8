"""Build an output of a tree with Nix on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from homelab.problems import HomelabError


def build_with_nix(target: str, link: Path, instead: str) -> None:
    """Build a flake output; `link` leads to it afterwards. Raises HomelabError, with what a person
    can do `instead` where Nix is missing.
    """
    words = ["nix", "--extra-experimental-features", "nix-command flakes", "build"]
    words += ["--no-update-lock-file", "--out-link", str(link), target]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise HomelabError(
            f"nix is not on PATH; install it from https://nixos.org/download, or {instead}"
        ) from None
    if done.returncode:
        raise HomelabError(f"Nix exited with {done.returncode}; its message is above")
