"""What a person asks of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Report = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """The host, the machine, and how."""

    host: str
    user: str
    address: str
    port: int = 22
    target_key: str | None = None
    """The key of the running installer: its line, or `SHA256:…`."""
    confirm: str | None = None
    """The host's name, typed in advance."""
    kexec: str | None = None
    """A file or a URL."""
    build: str = "target"
    """Where the first system is built: `target`, `here`, or a host of the stack."""
    key_file: Path | None = None
    reinstall: bool = False
    wait_seconds: int = 600


@dataclass(frozen=True)
class Person:
    """How to ask the person; without a terminal, every answer is None."""

    report: Report
    type_name: Callable[[str], str | None]
    """Ask for the host's name; the argument is the question."""
    trusts: Callable[[str], bool]
    """Ask whether the fingerprint is that of the machine."""
    passphrase: Callable[[str], str | None]
    """Ask for the passphrase of new encrypted volumes."""
