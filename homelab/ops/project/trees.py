"""Write the trees of hosts to a directory, without removing files of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.deploy.model import Release
from homelab.problems import HomelabError, Problem
from homelab.render import HEAD

MARKER = "flake.nix"
"""A file that every tree has, with a header that homelab writes."""


@dataclass(frozen=True)
class Written:
    """How many files were written and removed."""

    changed: int
    removed: int


def write_releases(out: Path, releases: Mapping[str, Release]) -> Written:
    """Write every host's files, and remove those of an older release.

    Raises HomelabError, before it writes anything, if homelab did not write a directory there.
    """
    problems = [p for host in releases for p in _strange(out, out / host)]
    if problems:
        raise HomelabError("\n".join(str(p) for p in dict.fromkeys(problems)))
    changed = removed = 0
    try:
        for host, release in releases.items():
            removed += _remove_older(out / host, set(dict(release.files)))
            changed += _write(out / host, release)
    except OSError as error:
        where = str(error.filename or out)
        raise HomelabError(
            str(
                Problem(
                    where,
                    f"cannot be written: {error.strerror}",
                    "fix that, or name another directory with --out",
                )
            )
        ) from None
    return Written(changed, removed)


def _strange(out: Path, top: Path) -> Iterator[Problem]:
    """Reasons not to write a host's tree there."""
    for place in (*reversed(out.parents), out, top):
        if place.exists() and not place.is_dir():
            yield Problem(
                str(place), "this is a file, not a directory", "name a directory with --out"
            )
            return
    if top.is_dir() and any(True for _ in _visible(top)) and not _is_ours(top):
        yield Problem(
            str(top),
            "holds files that homelab render did not write, and would remove",
            "name an empty or a new directory: homelab render --out out",
        )


def _is_ours(top: Path) -> bool:
    marker = top / MARKER
    return marker.is_file() and HEAD.encode() in marker.read_bytes()


def _visible(top: Path) -> Iterator[Path]:
    """All files below, deepest first, except dot files, which belong to editors or Git."""
    for path in sorted(top.rglob("*"), reverse=True):
        if not any(part.startswith(".") for part in path.relative_to(top).parts):
            yield path


def _remove_older(top: Path, wanted: set[str]) -> int:
    removed = 0
    for path in _visible(top) if top.exists() else ():
        if path.is_symlink() or path.is_file():
            if path.relative_to(top).as_posix() not in wanted:
                path.unlink()
                removed += 1
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return removed


def _write(top: Path, release: Release) -> int:
    changed = 0
    # The marker first, so that the next run recognises the tree of an interrupted one.
    for name, content in sorted(release.files, key=lambda f: f[0] != MARKER):
        path = top / name
        data = content.encode() if isinstance(content, str) else content
        if path.exists() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        changed += 1
    return changed
