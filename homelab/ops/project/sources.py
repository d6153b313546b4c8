"""Read the files beside a stack that its plan names, and report the missing ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.dashboard.icons import wanted as pictures_of
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
    """The named files, by their path beside the stack, and problems for the missing ones.

    `instead` has texts of files that are not written yet.
    """
    ready = instead or {}
    wanted: dict[str, str] = {}
    # The check secret-known reports these once the host is deployed, with the keys that they need.
    # A planned host has no key yet, so nobody could encrypt its file.
    not_here: set[str] = set()
    for name, pin in plan.stack.nixpkgs.items():
        wanted[pin.lock] = f"nixpkgs.{name}.lock"
    if root := root_path(plan):
        wanted[root] = "network.entry.acme.root"
    wanted |= dict(pictures_of(plan))
    for host in plan.hosts.values():
        for path in own_paths(host):
            wanted[path] = named_at(host, path)
        for secret in plan.secrets.stored_on(host.name):
            path = sops_file(plan.stack, host.name, secret.key)
            wanted[path] = "secrets.hosts"
            if host.is_deployed or host.config.state == "planned":
                not_here.add(path)
    # Not required here: a preview works without it, and `check_deployer` reports missing keys.
    sources: dict[str, str | bytes] = _files(directory, plan.secrets.file)
    problems: list[Problem] = []
    for path, source in sorted(wanted.items()):
        found = {path: ready[path]} if path in ready else _files(directory, path)
        if not found and path not in not_here:
            problems.append(
                Problem(
                    source,
                    f"there is no {path}",
                    _way_out(plan, path, source),
                    check="file-present",
                )
            )
        sources |= found
    for host in plan.hosts.values():
        if (extends := host.config.extends) is not None:
            found = _whole(directory, extends.flake)
            sources |= found
            if f"{extends.flake}/flake.nix" not in found:
                place, what = (
                    f"{host.source}.extends.flake",
                    f"there is no {extends.flake}/flake.nix",
                )
                way_out = f"write the directory that homelab adopt host {host.name} made"
                problems.append(Problem(place, what, way_out, check="file-present"))
    _follow(directory, plan, sources)
    return sources, problems


def read_sops_files(directory: Path, plan: Plan) -> dict[str, str | bytes]:
    """Every sops file of the stack that exists, also of hosts that read no stored secret."""
    found: dict[str, str | bytes] = {}
    for path in readers_of(plan):
        found |= _files(directory, path)
    return found


def _follow(directory: Path, plan: Plan, sources: dict[str, str | bytes]) -> None:
    """Also read what hand-written modules import by a relative path; the check own-module reports
    what is missing.
    """
    pending = [n for host in plan.hosts.values() for n in carried(host, sources)]
    done: set[str] = set()
    while pending:
        name = pending.pop()
        text = sources.get(name)
        if name in done or not name.endswith(".nix") or not isinstance(text, str):
            continue
        done.add(name)
        for _, there in named_by(name, text):
            if there != "." and not there.startswith(".."):
                found = _files(directory, there)
                sources |= found
                pending += found


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


def _files(directory: Path, path: str) -> dict[str, str | bytes]:
    top = directory / path
    if len(path) > _LONGEST:
        return {}  # no such file can exist, and looking for it would raise another error
    if top.is_file():
        return {path: _content(top)}
    return {
        p.relative_to(directory).as_posix(): _content(p)
        for p in sorted(top.rglob("*"))
        if p.is_file() and not p.name.startswith(".")
    }


def _whole(directory: Path, path: str) -> dict[str, str | bytes]:
    """Every file of a flake, also the hidden ones: its store path depends on all of them."""
    top = directory / path
    return {
        p.relative_to(directory).as_posix(): _content(p)
        for p in sorted(top.rglob("*"))
        if p.is_file() and ".git" not in p.relative_to(top).parts
    }


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
