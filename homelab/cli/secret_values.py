"""Where `homelab secret set` and `rotate` take a value from: a generator, a file or a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from homelab.problems import UsageError, unreadable

if TYPE_CHECKING:
    from homelab.config.secrets import Generate


def generator_of(kind: str | None, declared: Generate | None) -> Generate | None:
    """What `--generate` asks for, with the settings that the stack declares for this kind."""
    from typing import get_args

    from homelab.config.secrets import Generate, Generator
    from homelab.problems import did_you_mean

    if kind is None:
        return None
    if declared is not None and declared.kind == kind:
        return declared
    if kind not in get_args(Generator):
        raise UsageError(
            f'--generate: there is no kind "{kind}"; '
            f"{did_you_mean(kind, get_args(Generator), 'kinds')}"
        )
    return Generate.model_validate({"kind": kind})


def one_source(from_file: Path | None, stdin: bool, kind: str | None) -> None:
    """Raise UsageError if the value has several sources."""
    if sum((from_file is not None, stdin, kind is not None)) > 1:
        raise UsageError("a value has one source; keep one of --from-file, --stdin and --generate")


def read_value(from_file: Path | None, stdin: bool, title: str) -> str:
    """The value, without the line end of a single line."""
    if from_file is not None:
        try:
            text = from_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--from-file {from_file}: cannot be read ({unreadable(error)}); name a text file"
            ) from None
    elif stdin:
        text = sys.stdin.read()
    else:
        return ask(title)
    return text.removesuffix("\n").removesuffix("\r") if text.count("\n") == 1 else text


def ask(title: str) -> str:
    """The value of a secret, typed without echo. Raises UsageError without a terminal."""
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on; give the value with --stdin or --from-file"
        )
    return str(typer.prompt(title, hide_input=True, confirmation_prompt=False, err=True))


def ask_or_skip(title: str) -> str:
    """As `ask`; empty if the person skips it, or without a terminal."""
    if not sys.stdin.isatty():
        return ""
    asked = f"{title}, empty to skip"
    return str(typer.prompt(asked, hide_input=True, default="", show_default=False, err=True))
