"""Run the `sops` command of the deployer to change files.

A value goes to it over standard input: never as an argument, in the environment or in a file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from homelab.ops.secrets.tool import TIMEOUT
from homelab.problems import HomelabError

RULES = ".sops.yaml"
LEAST = (3, 11)
"""First version of sops that reads a value from standard input."""
_INSTALL = "install sops (https://getsops.io); nix shell nixpkgs#sops has it too"
_ENVIRONMENT = {"SOPS_DISABLE_VERSION_CHECK": "1"}
_NO_KEY = ("data key", "no identity matched", "failed to load age identities", "no master key")


class SopsError(HomelabError):
    """sops could not change a file, which is as it was."""


def sops_version() -> tuple[int, ...]:
    """The version of the `sops` on PATH. Raises SopsError without one."""
    said = sops(["--version"], Path.cwd())
    found = re.search(r"\b(\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def require_sops() -> None:
    """Raise SopsError unless there is a sops that reads values from standard input."""
    version = sops_version()
    if version < LEAST:
        least = ".".join(map(str, LEAST))
        raise SopsError(
            f"sops is version {'.'.join(map(str, version))}, and before {least} it takes a value "
            f"only as an argument, which other users can see; install {least} or later: "
            "nix shell nixpkgs#sops"
        )


def can_decrypt(directory: Path, file: str) -> str:
    """Why sops cannot decrypt a file; empty if it can. The values are discarded."""
    try:
        sops(["decrypt", file], directory)
    except SopsError as error:
        return str(error)
    return ""


def path_of(parts: Sequence[str]) -> str:
    """A key in a file, as sops takes it: `["a"]["b"]`."""
    return "".join(f"[{json.dumps(part)}]" for part in parts)


def sops(words: Sequence[str], place: Path, value: object = None, *, key: str = "") -> str:
    """Run sops in a directory, with a value as JSON on standard input; returns its output.

    Its error output only serves to find the cause, because it may contain the value.
    """
    why = ""
    try:
        done = subprocess.run(
            ["sops", *words],
            cwd=place,
            env={**os.environ, **_ENVIRONMENT},
            input=None if value is None else json.dumps(value).encode(),
            stdin=subprocess.DEVNULL if value is None else None,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.decode()
        why = _cause(done.stderr.decode(errors="replace").lower(), words, key)
    except FileNotFoundError:
        why = f"sops is not on PATH; {_INSTALL}"
    except subprocess.TimeoutExpired:
        why = f"sops gave no answer in {TIMEOUT} seconds; unlock the key that it waits for"
    except UnicodeDecodeError:
        why = "sops printed something that is not text; see: sops --version"
    # Raised outside the handlers, because those errors carry the tool's output.
    raise SopsError(why)


def _cause(complaint: str, words: Sequence[str], key: str) -> str:
    what = f"sops {words[0]}{f' of {key}' if key else ''}"
    if any(part in complaint for part in _NO_KEY):
        return (
            f"{what}: no key here can decrypt the file; point SOPS_AGE_KEY_FILE at your age key; "
            "homelab secret doctor shows which keys it is for"
        )
    if "no matching creation rules" in complaint or "creation rule" in complaint:
        return f"{what}: {RULES} has no rule for the file; homelab sops prints the rules to add"
    if "mac mismatch" in complaint:
        return f"{what}: the file was changed without sops; restore it from version control"
    return f"{what} failed, and nothing was written; see why: homelab secret doctor"
