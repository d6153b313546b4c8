"""Variables of a compose file: plain ones, secrets, and texts with secrets in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.secret_shapes import is_literal
from homelab.services.compose.reading import ComposeFile, Place, pairs

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PASSWORD = re.compile(r"(?<=:)(?<!/)[^:/@\s]+(?=@[^@\s]+$)")
"""The password in a URL: `postgres://user:PASSWORD@host/database`."""


@dataclass
class Variables:
    """The variables of every container."""

    plain: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    """By container: the name of a secret, with the variable that has it."""
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By container: variables with secrets in their texts, as `{value[NAME]}`."""
    values: dict[str, str] = field(default_factory=dict)
    """Secrets by name, with their value in the file."""


def variables_of(
    file: ComposeFile, env_files: Mapping[tuple[str, str], Mapping[str, str] | None]
) -> Variables:
    """The variables of the containers. `env_files` has the variables of files by container and
    path; None for a file that does not exist.
    """
    found = Variables()
    stated = {name: _stated(file, name, env_files) for name in file.section("services")}
    for container, variables in stated.items():
        for name, value in variables.items():
            if is_literal(name, value) and not name.endswith("_FILE"):
                _secret(found, container, name, value)
    for container, variables in stated.items():
        mine = found.secrets.setdefault(container, {})
        for name, value in variables.items():
            if name in mine.values():
                continue
            _sort(file, found, container, name, value)
    return found


def _secret(found: Variables, container: str, name: str, value: str) -> None:
    same = next((n for n, v in found.values.items() if v == value and value), None)
    mine = found.secrets.setdefault(container, {})
    if same is not None and same not in mine:
        mine[same] = name
        return
    secret = slug(name)
    while secret in found.values:
        secret = f"{slug(container)}-{secret}"
    found.values[secret] = value
    mine[secret] = name


def _sort(file: ComposeFile, found: Variables, container: str, name: str, value: str) -> None:
    match = _PASSWORD.search(value)
    if match is None:
        found.plain.setdefault(container, {})[name] = value
    elif "{" in value or "}" in value:
        place: Place = ("services", container, "environment", name)
        file.note(place, "it has a password in its text, and braces", "write a template for it")
    else:
        text = match[0].strip()
        secret = next((n for n, v in found.values.items() if v == text), "")
        if not secret:
            secret = f"{slug(name)}-password"
            found.values[secret] = text
        filled = f"{value[: match.start()]}{{value[{secret}]}}{value[match.end() :]}"
        found.texts.setdefault(container, {})[name] = filled


def _stated(
    file: ComposeFile,
    container: str,
    env_files: Mapping[tuple[str, str], Mapping[str, str] | None],
) -> dict[str, str]:
    made: dict[str, str] = {}
    for (owner, path), variables in env_files.items():
        if owner == container and variables is None:
            file.note(
                ("services", container, "env_file"),
                f"there is no file {path}",
                "write its variables into environment, and its secrets into secrets",
            )
        elif owner == container:
            made |= variables or {}
    stated = file.section("services")[container]
    for name, value in pairs(stated.get("environment") if isinstance(stated, dict) else None):
        place: Place = ("services", container, "environment", name)
        if not _NAME.fullmatch(name):
            file.note(place, f'"{name}" is no variable', "write letters, digits and underscores")
        elif value is None:
            file.note(place, "its value comes from the shell of whoever starts it", "write a value")
        elif re.search(r"[\x00-\x1f\x7f]", value):
            file.note(place, "its value has several lines", "write a template for a file instead")
        else:
            made[name] = value
    return made


def slug(text: str) -> str:
    """A name of the stack for a name of a compose file."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    return plain if plain[:1].isalpha() else f"x-{plain}".strip("-")
