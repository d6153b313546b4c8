"""`homelab upgrade`: show what another version of the library changes, then change the pin."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.ops.starter.library import NAME, NAMED, directory_of
from homelab.ops.whole import changed_lines, replace_file
from homelab.plaintext import UnreadableError, json_data, mapping
from homelab.problems import HomelabError, Problem, UsageError, unreadable
from homelab.render import changed_files

PROJECT = "pyproject.toml"
_INSTALL_SECONDS = 1800
_RENDER_SECONDS = 600
_Trees = dict[str, dict[str, str]]
"""The files of each host."""


@dataclass(frozen=True)
class Difference:
    """What another version of the library changes for one stack."""

    stack: str
    files: Mapping[str, str]
    """Unified diff of each changed file, by `host/path`."""
    errors: tuple[str, ...]
    """Problems of the stack that only the other version finds. With errors it renders nothing."""


@dataclass(frozen=True)
class Upgrade:
    """A new requirement, and what it changes."""

    old: str
    new: str
    differences: tuple[Difference, ...]


def present_pin(directory: Path) -> str:
    """The requirement of homelab in pyproject.toml. Raises UsageError without one."""
    path = directory / PROJECT
    try:
        project = mapping(tomllib.loads(path.read_text(encoding="utf-8")).get("project"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no {PROJECT} in {directory.resolve()}; homelab upgrade is for a homelab "
            "that homelab init made"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is not TOML ({error})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({unreadable(error)})") from None
    listed = project.get("dependencies")
    found = [
        d for d in listed if isinstance(d, str) and NAMED.match(d)
    ] if isinstance(listed, list) else []  # fmt: skip
    if len(found) != 1:
        raise UsageError(f"{path}: project.dependencies does not name {NAME} once; add it there")
    return found[0]


def newest_of(pin: str) -> str:
    """What a requirement becomes without a version: the newest release, the branch of a Git
    repository, or what a directory has now. Raises UsageError for one file, which has no newer
    version to find.
    """
    _, is_url, url = pin.partition("@")
    if not is_url:
        return NAME
    url = url.strip()
    if directory_of(pin):
        return pin
    if not url.startswith("git+"):
        raise UsageError(
            f"{PROJECT}: {pin} is one file, so name the new one: homelab upgrade --to 'homelab @ …'"
        )
    base, _, commit = url.rpartition("@")
    # `git+ssh://git@host/…` has an @ that is no revision.
    return f"{NAME} @ {base if base and '/' not in commit else url}"


def compare(directory: Path, stacks: list[str], new: str) -> Upgrade:
    """Render each stack with the library that runs and with another one. Changes nothing.

    The other one is installed into a temporary environment.
    """
    with tempfile.TemporaryDirectory(prefix="homelab-upgrade-") as made:
        place = Path(made)
        other = _installed(place, new, directory)
        return Upgrade(
            present_pin(directory),
            _exact(other, new),
            tuple(_difference(directory, name, other, place / name) for name in stacks),
        )


def write_pin(directory: Path, upgrade: Upgrade) -> list[str]:
    """Change the requirement in pyproject.toml; returns the changed lines.

    Only the text of the requirement changes: comments and the rest of the file stay.
    """
    path = directory / PROJECT
    text = path.read_text(encoding="utf-8")
    for quoted in (json.dumps(upgrade.old), f"'{upgrade.old}'"):
        if text.count(quoted) == 1:
            new = text.replace(quoted, json.dumps(upgrade.new))
            lines = changed_lines(text, new)
            replace_file(path, new)
            return lines
    raise HomelabError(
        f"{path}: the requirement {upgrade.old} is not there once as it is; change it by hand to "
        f"{json.dumps(upgrade.new)}"
    )


def _installed(place: Path, requirement: str, directory: Path) -> Path:
    """The Python of a new environment with this library."""
    python = place / "venv" / "bin" / "python"
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(place / "venv")], place)
        words = [uv, "pip", "install", "--quiet", "--python", str(python)]
        words += ["--refresh-package", NAME, requirement]
    else:
        _run([sys.executable, "-m", "venv", str(place / "venv")], place)
        words = [str(python), "-m", "pip", "install", "--quiet", requirement]
    # uv reads `tool.uv` of the directory where it runs: certificates and indexes of the project.
    _run(words, directory, seconds=_INSTALL_SECONDS)
    return python


def _exact(python: Path, requirement: str) -> str:
    """The requirement with the version or the commit that was installed, so that what was shown is
    what the project gets.
    """
    code = "from homelab.ops.starter.library import running_library as r; print(r())"
    done = _done([str(python), "-c", code], python.parent)
    found = done.stdout.strip()
    return found if done.returncode == 0 and NAMED.match(found) else requirement


def _difference(directory: Path, stack: str, python: Path, place: Path) -> Difference:
    present = _errors(directory, stack, sys.executable)
    found = _errors(directory, stack, str(python))
    errors = tuple(line for said, line in found.items() if said not in present)
    if errors:
        return Difference(stack, {}, errors)
    old = _rendered(directory, stack, sys.executable, place / "old")
    new = _rendered(directory, stack, str(python), place / "new")
    return Difference(stack, dict(_diffs(old, new)), ())


_Said = tuple[str, str, str]
"""A problem without its file, line and check: where, what, way out."""


def _errors(directory: Path, stack: str, python: str) -> dict[_Said, str]:
    """The errors of a stack, each with its line as `homelab check` prints it."""
    done = _homelab(python, directory, "check", "-s", stack, "--json")
    try:
        problems = json_data(done.stdout)
    except UnreadableError:
        raise HomelabError(_failed(done, "homelab check")) from None
    found = [_problem(mapping(p)) for p in problems] if isinstance(problems, list) else []
    return {(p.where, p.what, p.way_out): str(p) for p in found if p.severity == "error"}


def _problem(facts: Mapping[str, object]) -> Problem:
    """A problem of another version of the library, which may lack parts of ours."""

    def text(key: str) -> str:
        value = facts.get(key)
        return value if isinstance(value, str) else ""

    line, also = facts.get("line"), facts.get("also")
    return Problem(
        text("where"),
        text("what"),
        text("way_out"),
        check=text("check"),
        severity="warning" if text("severity") == "warning" else "error",
        also=tuple(_problem(mapping(p)) for p in also) if isinstance(also, list) else (),
        file=text("file"),
        line=line if isinstance(line, int) else 0,
    )


def _rendered(directory: Path, stack: str, python: str, out: Path) -> _Trees:
    done = _homelab(python, directory, "render", "-s", stack, "--out", str(out))
    if done.returncode != 0:
        raise HomelabError(_failed(done, "homelab render"))
    return {
        host.name: {
            p.relative_to(host).as_posix(): p.read_text(encoding="utf-8", errors="replace")
            for p in sorted(host.rglob("*"))
            if p.is_file()
        }
        for host in sorted(out.glob("*"))
    }


def _diffs(old: _Trees, new: _Trees) -> Iterator[tuple[str, str]]:
    for host, files in changed_files(old, new).items():
        for file in sorted(files):
            name = f"{host}/{file}"
            before, after = (side.get(host, {}).get(file, "").splitlines() for side in (old, new))
            titles = f"{name} (now)", f"{name} (new)"
            diff = difflib.unified_diff(before, after, *titles, lineterm="")
            yield name, "\n".join(diff)


def _homelab(python: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # -P: a directory of the owner's with the name of a module is not that module.
    return _done([python, "-P", "-m", NAME, *words, "-C", str(directory.resolve())], directory)


def _run(words: list[str], place: Path, *, seconds: int = _RENDER_SECONDS) -> None:
    done = _done(words, place, seconds=seconds)
    if done.returncode != 0:
        raise HomelabError(_failed(done, "installing the new version"))


def _failed(done: subprocess.CompletedProcess[str], what: str) -> str:
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"{what} failed, and nothing was changed: {' '.join(said[-3:])}"


def _done(
    words: list[str], place: Path, *, seconds: int = _RENDER_SECONDS
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            cwd=place,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HomelabError(
            f"{Path(words[0]).name} took more than {seconds} seconds, and nothing was changed; "
            "run it again"
        ) from None
