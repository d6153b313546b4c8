"""Parse the errors of Nix: the message, and the options and places that it names.

The wording differs between versions, the marks do not: an option is between a backquote and a
quote, the file of a definition follows "in", "and" or "from", and a position follows "at". The
samples in `tests/evaluation/samples` are of several versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from homelab.evaluation.failures import SILENT

_T = TypeVar("_T")

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^[ \t]*error:[ \t]*", re.MULTILINE)
_QUOTED = r"[`\u2018]([^'\u2019`\n]+)['\u2019]"
_OPTION = re.compile(rf"option (?:value )?{_QUOTED}")
_SPLIT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')
_DEFINED = re.compile(r"\b(?:[Ii]n|and|from|module) [`\u2018]?(/[^'\u2019`\n :]+)")
_AT = re.compile(r"\bat «?(/[^\s:»]+)»?:(\d+):\d+")
_PATH = re.compile(r"(?:path|file|status of|import of) [`'\u2018\"]?(/[^\s'\u2019\"`:]+)")
_SNIPPET = re.compile(r"^\s*\d*\|")
_TRACE = re.compile(r"^\s*(?:…|\.\.\. while|at [/«]|\(use '--|\(stack trace|note: )")
_WARNING = re.compile(r"^\s*(?:trace: )?(?:evaluation )?warning: (.+)$")
_UNIT = re.compile(r"^\s*trace: (Systemd .+?)\.?$", re.MULTILINE)
"""What nixpkgs prints before it says that the settings of a unit have the wrong type."""
_MEMORY = re.compile(r"out of memory|bad_alloc|Too many heap sections", re.IGNORECASE)

ABOUT_NIX = (
    "the group 'nixbld'",
    "Git tree",
    "ignoring ",
    "unknown setting",
    "unknown experimental",
    "Ignoring setting",
    "you did not specify",
    "not writing modified lock file",
    "error: ",
)
"""Start of warnings that are about Nix and not about a host."""


@dataclass(frozen=True)
class Position:
    """A place in a file that Nix names; line 0 if it names only the file."""

    file: str
    line: int = 0


@dataclass(frozen=True)
class Complaint:
    """The error that stopped an evaluation."""

    text: str
    """The message in one line."""
    options: tuple[tuple[str, ...], ...]
    """Options that it names, then those being evaluated, the innermost first."""
    definitions: tuple[Position, ...]
    """Files that define the option, in the order of the message."""
    positions: tuple[Position, ...]
    """Positions of the error, the innermost first."""


def read_complaint(stderr: str) -> Complaint:
    """The error that Nix ended with. Of several `error:` marks, the last one is the cause."""
    lines = _ANSI.sub("", stderr).splitlines()
    text = "\n".join(line for line in lines if not _SNIPPET.match(line))
    chunks = _ERROR.split(text)[1:]
    at = max((i for i, c in enumerate(chunks) if _message(c)), default=-1)
    cause = chunks[at] if at >= 0 else text
    message = _message(cause) or _last_line(text)
    # Old versions print the trace after the cause, the nearest call first; new versions before it,
    # the nearest call last.
    led = cause.splitlines() + [line for c in reversed(chunks[:at]) for line in _turned(c)]
    definitions = [Position(f) for f in _DEFINED.findall(message)]
    positions = [Position(f, int(line)) for f, line in _AT.findall(cause.split("…")[0])]
    positions += [Position(f) for f in _PATH.findall(message)]
    positions += [p for line in led for p in _positions(line)]
    options = [split_path(o) for part in (message, *led) for o in _OPTION.findall(part)]
    if "systemd option" in message and (said := _once(_UNIT.findall(text))):
        message = f"{message.rstrip('.')}: {'; '.join(said)}"
    if _MEMORY.search(text):
        message = "Nix ran out of the memory that it may use"
    return Complaint(_line(message), _once(options), _once(definitions), _once(positions))


def read_warnings(stderr: str) -> tuple[str, ...]:
    """The warnings of an evaluation, once each."""
    lines = _ANSI.sub("", stderr).splitlines()
    found = [m.group(1).strip() for line in lines if (m := _WARNING.match(line))]
    return _once([w for w in found if not w.startswith(ABOUT_NIX)])


def split_path(text: str) -> tuple[str, ...]:
    """The parts of `services."a.b".c`. Some versions of nixpkgs leave the quotes out."""
    return tuple(quoted or plain for quoted, plain in _SPLIT.findall(text))


def _once(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))


def _positions(line: str) -> list[Position]:
    """Positions in a line of the trace: the file of a definition, or a line of code."""
    defined = [Position(f) for f in _DEFINED.findall(line)]
    return defined + [Position(f, int(number)) for f, number in _AT.findall(line)]


def _turned(chunk: str) -> list[str]:
    return list(reversed(chunk.splitlines()))


def _message(part: str) -> str:
    """The message itself, without positions and trace."""
    kept: list[str] = []
    for line in part.splitlines():
        if _TRACE.match(line):
            if kept:
                break
            continue
        if line.strip():
            kept.append(line)
    return "\n".join(kept).strip()


def _line(message: str) -> str:
    return re.sub(r"\s+", " ", message).strip()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else SILENT
