"""One line of the doctor's page, and a section of them."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.ops.secrets.doctor import Finding


@dataclass(frozen=True)
class Section:
    """A subject, and what was found about it."""

    title: str
    findings: tuple[Finding, ...]


def ok(text: str) -> Finding:
    """It is in order."""
    return Finding("ok", text)


def note(text: str) -> Finding:
    """It may matter."""
    return Finding("note", text)


def error(text: str) -> Finding:
    """It stops `pulumi up` or another command: what is wrong, and the way out."""
    return Finding("error", text)
