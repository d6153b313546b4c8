"""Run a tool that prints a secret, and never show what it printed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.problems import HomelabError

TIMEOUT = 120
"""Seconds; a person may have to touch a key or unlock a vault."""


class SecretUnavailableError(HomelabError):
    """A secret could not be read. Says which, why, and the way out; never what was read."""

    def __init__(self, ref: SecretRef, why: str, way_out: str) -> None:
        self.ref, self.why, self.way_out = ref, why, way_out
        super().__init__(f"secret {ref.name}: {why}; {way_out}")


def run(
    ref: SecretRef,
    words: Sequence[str],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    install: str,
) -> tuple[str, str]:
    """Run a tool that prints a secret; its output, or else what it complained of.

    One of the two is empty on success, the other on failure. The complaint is for telling causes
    apart, and is not shown: nobody knows what a tool puts there.
    """
    why, way_out, done = "", "", None
    try:
        done = subprocess.run(
            words,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.decode(), ""
    except FileNotFoundError:
        why, way_out = f"{words[0]} is not on PATH", install
    except subprocess.TimeoutExpired:
        why = f"{words[0]} gave no answer in {TIMEOUT} seconds"
        way_out = "unlock the key or vault that it waits for, and run this again"
    except UnicodeDecodeError:
        why, way_out = "the value is not text", "store it as text, base64 if need be"
    if done is None or why:
        # Raised out here, because those errors carry what the tool had printed.
        raise SecretUnavailableError(ref, why, way_out)
    return "", done.stderr.decode(errors="replace") or f"exit code {done.returncode}"
