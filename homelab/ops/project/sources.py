"""Read the files beside a stack that its plan names, and report the missing ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from homelab.dashboard.icons import wanted as pictures_of
from homelab.ops.project.links import Project
from homelab.ops.project.reading import closed
from homelab.plan import Plan
from homelab.problems import InvalidStackError, Problem, unread
from homelab.render import root_path
from homelab.secret_paths import sops_file
from homelab.secrets.readers import readers_of
from homelab.system.nix_checks import update_command
from homelab.system.own import carried, named_at, named_by, own_paths


def read_sources(
    directory: Path, plan: Plan, instead: Mapping[str, str] | None = None
) -> tuple[dict[str, str | bytes], list[Problem]]:
    """The named files, by their path beside the stack, and problems for the missing ones and for
    links out of the project.

    `instead` has texts of files that are not written yet.
    """
    ready = instead or {}
    reader = _Reader(Project.of(directory))
    wanted: dict[str, str] = {}
    # (path, place, whether it is a directory) of what cannot be either.
    shapes: list[tuple[str, str, bool]] = []
    # The check secret-known reports these once the host is deployed, with the keys that they need.
    # A planned host has no key yet, so nobody could encrypt its file.
    not_here: set[str] = set()
    for name, pin in plan.stack.nixpkgs.items():
        shapes.append((pin.lock, f"nixpkgs.{name}.lock", False))
    if root := root_path(plan):
        shapes.append((root, "network.entry.acme.root", False))
    for path, source in pictures_of(plan):
        shapes.append((path, source, source == "dashboard.icons"))
    wanted |= {path: source for path, source, _ in shapes}
    encrypted: set[str] = set()
    for host in plan.hosts.values():
        for path in own_paths(host):
            wanted[path] = named_at(host, path)
        for secret in plan.secrets.stored_on(host.name):
            path = sops_file(plan.stack, host.name, secret.key)
            wanted[path] = "secrets.hosts"
            encrypted.add(path)
            if host.is_deployed or host.config.state == "planned":
                not_here.add(path)
    # Not required here: a preview works without it, and `check_deployer` reports missing keys.
    # A sops file may be a link, as projects share one: `check_sops_files` sees its encryption.
    sources = reader.any(_file(reader.project, plan.secrets.file), "secrets.file")
    problems: list[Problem] = []
    for path, source in sorted(wanted.items()):
        if path in ready:
            sources[path] = ready[path]
            continue
        paths = (_file if path in encrypted else _files)(reader.project, path)
        sources |= reader.any(paths, source) if path in encrypted else reader.own(paths, source)
        if not paths and path not in not_here:
            way_out = _way_out(plan, path, source)
            empty = len(path) <= _LONGEST and (directory / path).is_dir()
            what = f"{path} is a directory without files" if empty else f"there is no {path}"
            problems.append(Problem(source, what, way_out, check="file-present"))
    problems += _shapes(shapes, sources)
    for host in plan.hosts.values():
        if (extends := host.config.extends) is not None:
            place = f"{host.source}.extends.flake"
            flake = directory / extends.flake
            paths = reader.project.whole(extends.flake)
            sources |= reader.own(paths, place)
            if not {flake, flake / "flake.nix"} & {*paths}:
                what = f"there is no {extends.flake}/flake.nix"
                way_out = f"write the directory that homelab adopt host {host.name} made"
                problems.append(Problem(place, what, way_out, check="file-present"))
    _follow(reader, plan, sources)
    return sources, [*problems, *reader.problems]


class _Reader:
    """Reads files of a project, and keeps one problem for each that is outside of it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._outside: dict[Path, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        return list(self._outside.values())

    def own(self, paths: Iterable[Path], where: str) -> dict[str, str | bytes]:
        """The files of the project, without those that a link has outside of it."""
        inside = []
        for path in paths:
            if (there := self.project.outside(path)) is None:
                inside.append(path)
            else:
                self._outside.setdefault(path, self.project.problem(path, there, where))
        return self.any(inside, where)

    def any(self, paths: Iterable[Path], where: str) -> dict[str, str | bytes]:
        """These files, wherever they are, without those that cannot be read."""
        top, out = self.project.directory, {}
        for path in paths:
            try:
                out[path.relative_to(top).as_posix()] = _content(path)
            except OSError as error:
                cause = closed(path, top)
                name = cause.relative_to(top).as_posix()
                problem = replace(unread(where, error, name), check="file-present")
                self._outside.setdefault(cause, problem)
        return out


def read_sops_files(directory: Path, plan: Plan) -> dict[str, str | bytes]:
    """Every sops file of the stack that exists, also of hosts that read no stored secret."""
    reader = _Reader(Project.of(directory))
    found = [p for path in readers_of(plan) for p in _file(reader.project, path)]
    sources = reader.any(found, "secrets.hosts")
    if reader.problems:
        raise InvalidStackError(reader.problems)
    return sources


def _shapes(
    shapes: Iterable[tuple[str, str, bool]], sources: Mapping[str, str | bytes]
) -> Iterator[Problem]:
    """Files where the stack names a directory, and directories where it names a file."""
    for path, source, is_directory in shapes:
        if is_directory and path in sources:
            what, way_out = f"{path} is a file", "name the directory of the files"
        elif not is_directory and any(name.startswith(f"{path}/") for name in sources):
            what, way_out = f"{path} is a directory", "name a file in it"
        else:
            continue
        yield Problem(source, what, way_out, check="file-present")


def _follow(reader: _Reader, plan: Plan, sources: dict[str, str | bytes]) -> None:
    """Also read what hand-written modules import by a relative path; the check own-module reports
    what is missing.
    """
    pending = [(h.source, n) for h in plan.hosts.values() for n in carried(h, sources)]
    done: set[str] = set()
    while pending:
        where, name = pending.pop()
        text = sources.get(name)
        if name in done or not name.endswith(".nix") or not isinstance(text, str):
            continue
        done.add(name)
        for _, there in named_by(name, text):
            if there != "." and not there.startswith(".."):
                found = reader.own(_files(reader.project, there), where)
                sources |= found
                pending += ((where, n) for n in found)


_LONGEST = 240
"""Maximum characters of a path beside the stack file; a file name has at most 255 bytes."""


def _way_out(plan: Plan, path: str, source: str) -> str:
    if source == "secrets.hosts":
        return "make it: homelab secret set --missing"
    if source.startswith("nixpkgs."):
        pin = source.removeprefix("nixpkgs.").removesuffix(".lock")
        return f"make it: {update_command(plan, pin)}"
    if source.endswith(".root"):
        return "make it with openssl, see the guide's page on certificates"
    if source.endswith(".hardware"):
        return "copy it from the host, where nixos-generate-config wrote it"
    return "write it, or remove it from the stack config"


def _files(project: Project, path: str) -> list[Path]:
    # No such file can exist beyond that, and looking for it would raise another error.
    return project.files(path) if len(path) <= _LONGEST else []


def _file(project: Project, path: str) -> list[Path]:
    """What must be a file. A directory in its place is listed: reading it says what it is."""
    found, there = _files(project, path), project.directory / path
    return [there] if found != [there] and len(path) <= _LONGEST and there.is_dir() else found


def _content(path: Path) -> str | bytes:
    """Text where the file is UTF-8 without NUL, bytes otherwise. The check own-module refuses a Nix
    file that is bytes, because no other check reads it.
    """
    data = path.read_bytes()
    if b"\0" in data:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data
