"""Read the files beside a stack that its plan names, and report the missing ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from homelab.dashboard.icons import wanted as pictures_of
from homelab.ops.project.links import Project
from homelab.plan import Plan
from homelab.problems import HomelabError, Problem, unreadable
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
    sources = reader.any(_files(reader.project, plan.secrets.file))
    problems: list[Problem] = []
    for path, source in sorted(wanted.items()):
        if path in ready:
            sources[path] = ready[path]
            continue
        paths = _files(reader.project, path)
        sources |= reader.any(paths) if path in encrypted else reader.own(paths, source)
        if not paths and path not in not_here:
            way_out = _way_out(plan, path, source)
            problems.append(Problem(source, f"there is no {path}", way_out, check="file-present"))
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
        self._told: dict[Path, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        return list(self._told.values())

    def own(self, paths: Iterable[Path], where: str) -> dict[str, str | bytes]:
        """The files of the project, without those that a link has outside of it."""
        inside = []
        for path in paths:
            if (there := self.project.outside(path)) is None:
                inside.append(path)
            else:
                self._told.setdefault(path, self.project.problem(path, there, where))
        return self.any(inside)

    def any(self, paths: Iterable[Path]) -> dict[str, str | bytes]:
        """These files, wherever they are."""
        return {p.relative_to(self.project.directory).as_posix(): _content(p) for p in paths}


def read_sops_files(directory: Path, plan: Plan) -> dict[str, str | bytes]:
    """Every sops file of the stack that exists, also of hosts that read no stored secret."""
    reader = _Reader(Project.of(directory))
    return reader.any(p for path in readers_of(plan) for p in _files(reader.project, path))


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


def _content(path: Path) -> str | bytes:
    """Text where the file is UTF-8 without NUL, bytes otherwise. The check own-module refuses a Nix
    file that is bytes, because no other check reads it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HomelabError(
            f"{path}: cannot be read ({unreadable(error)}); fix its permissions or its disk"
        ) from None
    if b"\0" in data:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data
