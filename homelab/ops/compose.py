"""`homelab service import`: read a compose file with its `.env`, and ask registries for digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.locks import stack_names
from homelab.ops.registry import RegistryError, digest_of
from homelab.plaintext import UnreadableError
from homelab.problems import UsageError, did_you_mean, unreadable
from homelab.services.compose.reading import ComposeFile, env_values, read_compose, words
from homelab.services.compose.service import Imported, imported
from homelab.services.compose.variables import slug
from homelab.services.images import Image

_LARGEST = 1024 * 1024


def check_host(directory: Path, host: str) -> None:
    """Raises UsageError for a host that no stack of the directory has. A directory without a stack
    has none to compare with.
    """
    stacks = stack_names(directory)
    found = (read_stack_document(directory, name).values.get("hosts") for name in stacks)
    known = {name for hosts in found if isinstance(hosts, Mapping) for name in hosts}
    if stacks and host not in known:
        raise UsageError(f'--host: there is no host "{host}"; {did_you_mean(host, known, "hosts")}')


def import_file(
    path: Path,
    name: str | None,
    host: str,
    env_file: Path | None,
    *,
    pin: bool,
    report: Callable[[str], None],
) -> Imported:
    """The service of a compose file. Raises UsageError if it cannot be read."""
    variables = env_values(_text(env_file)) if env_file is not None else _beside(path)
    try:
        file = read_compose(_text(path), variables)
    except UnreadableError as error:
        raise UsageError(f"{path}:{error.line}: {error.what}") from error
    stated = file.values.get("name")
    chosen = name or slug(stated if isinstance(stated, str) else path.absolute().parent.name)
    digests = _digests(file, report) if pin else {}
    return imported(file, chosen, host, digests, _env_files(file, path.parent))


def as_yaml(result: Imported, *, containers: bool) -> str:
    """The service for the stack: that of the catalog if it has the app."""
    settings: Mapping[str, object] = result.settings
    if result.native and not containers:
        settings = {"host": settings["host"]}
        if result.native != result.name:
            settings = {"service": result.native, **settings}
    return yaml.safe_dump(
        {"homelab:services": {result.name: dict(settings)}},
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {unreadable(error)}") from error
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is larger than a compose file is")
    return text


def _beside(path: Path) -> dict[str, str]:
    beside = path.parent / ".env"
    return env_values(_text(beside)) if beside.is_file() else {}


def _env_files(
    file: ComposeFile, directory: Path
) -> dict[tuple[str, str], Mapping[str, str] | None]:
    found: dict[tuple[str, str], Mapping[str, str] | None] = {}
    for container, stated in file.section("services").items():
        listed = stated.get("env_file") if isinstance(stated, dict) else None
        items = listed if isinstance(listed, list) else [listed]
        for item in items:
            path = item.get("path") if isinstance(item, dict) else item
            for one in words(path):
                there = directory / one
                found[container, one] = env_values(_text(there)) if there.is_file() else None
    return found


def _digests(file: ComposeFile, report: Callable[[str], None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for stated in file.section("services").values():
        text = stated.get("image") if isinstance(stated, dict) else None
        if not isinstance(text, str) or text in found or not text or "@" in text:
            continue
        image = Image.of(text)
        report(f"asking {image.registry} for {image.repository}:{image.tag}")
        try:
            found[text] = digest_of(image)
        except RegistryError as error:
            report(f"  {error}")
    return found
