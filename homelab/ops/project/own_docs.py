"""What the owner's own pages and directories say, against the stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from homelab.check import file_check
from homelab.ops.project.locks import stack_names
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
    for path in _pages(directory):
        for number, line in _lines(path):
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
    stacks = [_text(directory / f"Pulumi.{name}.yaml") for name in stack_names(directory)]
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


def _pages(directory: Path) -> Iterator[Path]:
    """The owner's pages: at the top, and below `docs` without those that homelab wrote."""
    yield from (p for p in (directory / name for name in _TOP) if p.is_file())
    found = (
        path
        for path in sorted((directory / "docs").rglob("*.md"))
        if not any(part.startswith(".") for part in path.relative_to(directory).parts)
    )
    yield from islice(found, _MOST)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page outside of its code, with their numbers."""
    text = _text(path)
    if text.startswith(MARK):
        return
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            code = not code
        elif not code:
            yield number, line


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _dead(directory: Path, page: Path, line: str) -> Iterator[str]:
    """Targets of relative links in a line that do not exist."""
    for found in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
        target = unquote(found[1].partition("#")[0].partition("?")[0])
        if not target or re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE):
            continue
        start = directory if target.startswith("/") else page.parent
        if not (start / target.lstrip("/")).exists():
            yield target
