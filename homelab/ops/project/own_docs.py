"""What the owner's own pages and directories say, against the stack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from homelab.check import file_check
from homelab.ops.project.locks import stack_names
from homelab.ops.project.reading import unwritten, written
from homelab.pages.plan import MARK
from homelab.plan import Plan
from homelab.problems import Problem

DOC_COHERENCE = file_check(
    "doc-coherence",
    "warning",
    "A page that calls a running host planned misleads whoever repairs it at night.",
)
ROUTING_COHERENCE = file_check(
    "routing-coherence", "warning", "A link to a page that moved leads nowhere."
)
HOST_FOLDER = file_check(
    "host-folder",
    "warning",
    "A directory of a host that no stack has looks as if the host were deployed.",
)
_TOP = ("README.md", "CLAUDE.md", "AGENTS.md")
_MOST, _LARGEST = 500, 1_000_000
"""Pages, and bytes of a page, that are read at most."""
_NOT_YET = r"(?:planned|deferred|not yet (?:deployed|installed|live)|retired|decommissioned)"
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_HARDWARE = ("hardware.nix", "hardware-configuration.nix")


def check_own_docs(directory: Path, plan: Plan) -> Iterator[Problem]:
    """Pages that call something planned which runs, and links to files that are not there."""
    names = _running(plan)
    if not names:
        return
    either = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
    # `aurora (planned)`, `aurora: planned`, `| aurora | planned |`, "aurora is planned".
    wrong = re.compile(
        rf"(?<![\w/.-])({either})(?![\w/.-])[`*\]]*\s*(?:[(:|-]|is\b)\s*[`*_]*({_NOT_YET})\b"
        # Not "aurora is planned to get a disk", nor "aurora: retired the old disk".
        r"(?!\s+(?:to|from|the|an?|its)\b)",
        re.IGNORECASE,
    )
    pages, unread = _pages(directory)
    yield from unread
    for path in pages:
        text = _text(path, directory)
        if isinstance(text, Problem):
            yield text
            continue
        for number, line in _lines(text):
            page = path.relative_to(directory).as_posix()
            where = f"{page}:{number}"
            if found := wrong.search(line):
                name, word = found[1].lower(), found[2].lower()
                yield Problem(
                    where,
                    f"this says that {name} is {word}, and {names.get(name, 'the stack runs it')}",
                    "correct the page",
                    DOC_COHERENCE,
                    "warning",
                    file=page,
                    line=number,
                )
            for target in _dead(directory, path, line):
                yield Problem(
                    where,
                    f"there is no {target}",
                    "correct the link",
                    ROUTING_COHERENCE,
                    "warning",
                    file=page,
                    line=number,
                )


def check_host_folders(directory: Path, plan: Plan) -> Iterator[Problem]:
    """Directories below `hosts` with the hardware of a machine that no stack has."""
    place = directory / "hosts"
    if not place.is_dir():
        return
    stacks = []
    for name in stack_names(directory):
        text = written(directory / f"Pulumi.{name}.yaml", directory)
        if isinstance(text, Problem):
            yield text
            return  # It may have each of them.
        stacks.append(text or "")
    for folder in sorted(p for p in place.iterdir() if p.is_dir()):
        name = re.escape(folder.name)
        used = re.compile(rf"^\s+[\"']?{name}[\"']?\s*:|hosts/{name}\b", re.MULTILINE)
        if folder.name in plan.hosts or any(used.search(text) for text in stacks):
            continue
        if any((folder / file).is_file() for file in _HARDWARE):
            yield Problem(
                f"hosts/{folder.name}",
                f"no stack has a host {folder.name}",
                f"add hosts.{folder.name}, or remove the directory",
                HOST_FOLDER,
                "warning",
            )


def _running(plan: Plan) -> dict[str, str]:
    """Hosts and services that a page must not call planned: what the stack says of each."""
    hosts = {
        name: f"hosts.{name} is {host.config.state}"
        for name, host in plan.hosts.items()
        if host.config.state in ("live", "held")
    }
    services = {
        s.name: f"services.{s.name} runs on {s.host}" for s in plan.services if s.host in hosts
    }
    return {**services, **hosts}


def _pages(directory: Path) -> tuple[list[Path], list[Problem]]:
    """The pages at the top and below `docs`, and directories there that cannot be read."""
    found: list[Path] = []
    unread: list[Problem] = []

    def closed(error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            unread.append(unwritten(Path(error.filename), directory, error))

    for place, below, files in os.walk(directory / "docs", onerror=closed):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [Path(place) / f for f in files if f.endswith(".md") and not f.startswith(".")]
    top = [path for path in (directory / name for name in _TOP) if not path.is_dir()]
    return [*top, *sorted(found)[:_MOST]], unread


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a page outside of its code, with their numbers."""
    if text.startswith(MARK):
        return
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            code = not code
        elif not code:
            yield number, line


def _text(path: Path, directory: Path) -> str | Problem:
    """A page, or why it cannot be read. One that is too large counts as empty. A link to nothing
    is a dead link.
    """
    if path.is_symlink() and not path.exists():
        return Problem(
            path.relative_to(directory).as_posix(),
            "what this link leads to is not there",
            "correct the link, or remove it",
            ROUTING_COHERENCE,
            "warning",
        )
    try:
        if path.stat().st_size > _LARGEST:
            return ""
    except OSError:
        pass  # Reading it says why.
    return written(path, directory) or ""


def _dead(directory: Path, page: Path, line: str) -> Iterator[str]:
    """Targets of relative links in a line that do not exist."""
    for found in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
        target = unquote(found[1].partition("#")[0].partition("?")[0])
        if not target or re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE):
            continue
        start = directory if target.startswith("/") else page.parent
        if not (start / target.lstrip("/")).exists():
            yield target
