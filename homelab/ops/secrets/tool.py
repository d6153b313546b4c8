"""Run a tool that prints a secret, and never show its output."""

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
    """A secret could not be read. The message has its name, the cause and the way out."""

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
    """Run a tool that prints a secret; returns its output and its error output.

    The error output is empty on success, the output on failure. The error output serves to find
    the cause and is never shown, because it may contain the secret.
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
        # Raised outside the handlers, because those errors carry the tool's output.
        raise SecretUnavailableError(ref, why, way_out)
    return "", done.stderr.decode(errors="replace") or f"exit code {done.returncode}"
