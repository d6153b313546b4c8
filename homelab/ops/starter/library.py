"""How the running homelab was installed, as a requirement that another project can have."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from homelab.plaintext import UnreadableError, json_data, mapping
from homelab.problems import UsageError

NAME = "homelab"
NAMED = re.compile(rf"{NAME}(?![\w.-])")
"""The start of a requirement of the library."""


def running_library() -> str:
    """The requirement (PEP 508) of the library that runs.

    From `direct_url.json` of the installation (PEP 610): a Git repository at its commit, an archive
    or a directory. Without it, the version from a package index.
    """
    try:
        found = distribution(NAME)
        text = found.read_text("direct_url.json")
    except PackageNotFoundError:
        return NAME
    try:
        origin = mapping(json_data(text or ""))
    except UnreadableError:
        return f"{NAME}=={found.version}"
    url, vcs = origin.get("url"), mapping(origin.get("vcs_info"))
    if not isinstance(url, str):
        return f"{NAME}=={found.version}"
    if vcs:
        return f"{NAME} @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id')}"
    return f"{NAME} @ {url}"


def directory_of(requirement: str) -> Path | None:
    """The directory of this machine that a requirement names, such as a clone of the library.

    None for a place that this user may not look into: a wheel in the home directory of another one.
    """
    url = urlsplit(requirement.partition("@")[2].strip())
    # A path in a URL has its spaces as %20.
    place = Path(unquote(url.path)) if url.scheme == "file" else None
    try:
        return place if place is not None and place.is_dir() else None
    except PermissionError:
        return None


def clone_around(directory: Path) -> Path | None:
    """The clone of the library that runs, if the directory is in it."""
    clone = directory_of(running_library())
    inside = clone is not None and directory.resolve().is_relative_to(clone.resolve())
    return clone if inside else None


def as_requirement(text: str, flag: str) -> str:
    """What the flag names: a requirement, a version, or a URL."""
    if NAMED.match(text):
        return text
    if re.fullmatch(r"[0-9][\w.+!-]*", text):
        return f"{NAME}=={text}"
    if re.fullmatch(r"[a-z+]+://\S+", text):
        return f"{NAME} @ {text}"
    raise UsageError(
        f"{flag} {text!r}: this is no version of homelab; write 0.2.0, git+https://…@COMMIT or "
        "'homelab @ file:///…'"
    )
