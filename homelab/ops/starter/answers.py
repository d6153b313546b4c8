"""Answers and flags of `homelab init`: asked again until they are right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from homelab.problems import UsageError, unreadable

Ask = Callable[[str, str], str]
"""Asks a person: the question and the default, which an empty answer takes."""
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Given:
    """The flags of the command, as they were typed."""

    name: str | None
    stack: str
    hosts: tuple[str, ...]
    host_keys: tuple[str, ...]
    hardware: tuple[str, ...]
    domain: str | None
    lan: str | None
    gateway: str | None
    timezone: str | None
    user: str | None
    email: str | None
    ssh_keys: tuple[str, ...]
    operators: tuple[str, ...]
    services: tuple[str, ...]
    sign_in: str | None
    zone: str | None
    zone_id: str | None
    account: str | None
    tailnet: str | None
    library: str | None
    adopt_later: bool = False


T = TypeVar("T")


def answered(ask: Ask, question: str, default: str, read: Callable[[str], T]) -> T:
    """What a person types, read as a value. Asks again until it is one, so that the answers before
    it are not lost.
    """
    said = question
    while True:
        try:
            return read(ask(said, default).strip())
        except UsageError as error:
            said = f"{error}\n{question}"


def check_name(name: str, flag: str) -> None:
    """Raise UsageError unless it is a name as the stack has them."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{flag} {name!r}: this is not a name; use lower-case letters, digits and inner "
            "hyphens, a letter first"
        )


def as_name(text: str) -> str:
    """The text as a name; `homelab` if nothing of it can be one."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return made if _NAME.fullmatch(made) else "homelab"


def named_values(flags: tuple[str, ...], flag: str) -> dict[str, str]:
    """Flags of the form NAME=VALUE, each name once. Raises UsageError."""
    found: dict[str, str] = {}
    for text in flags:
        name, is_pair, value = text.partition("=")
        if not is_pair or not value:
            raise UsageError(f"{flag} {text!r}: write NAME=VALUE, with the name of a host")
        check_name(name, flag)
        if name in found:
            raise UsageError(f"{flag}: {name} is there twice; leave one out")
        found[name] = value
    return found


def text_of(path: str, flag: str) -> str:
    """The text of a file that a flag names. Raises UsageError."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{flag} {path}: cannot be read ({unreadable(error)}); name a text file"
        ) from None
