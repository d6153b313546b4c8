"""Hand-written modules: the files of the stack's directory that are copied to a host's tree.

A file that a module names by a relative path is copied too if it is in the stack's directory. A
check reports files elsewhere and missing files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.nix.code import inputs_in, paths_in
from homelab.nix.files import read_files
from homelab.nix.flake_systems import evaluated_in
from homelab.nix.source import Setting, read_nix
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host

OWN_MODULE = file_check(
    "own-module",
    "error",
    "A hand-written module must be Nix that homelab can read, and its imports must be copyable.",
)

Sources = Mapping[str, str | bytes]
_PIPE = re.compile(r"\|>|<\|")


def own_paths(host: Host) -> list[str]:
    """Hand-written files and directories that a host names."""
    config = host.config
    paths = (config.hardware, *config.modules, config.home) if host.is_nixos else (config.home,)
    members = (path for _, path, _ in host.member_homes) if host.is_nixos else ()
    return sorted({p for p in (*paths, *members) if p})


def named_at(host: Host, path: str) -> str:
    """The place in the stack config that names a hand-written file or directory."""
    if path == host.config.hardware:
        return f"{host.source}.hardware"
    if path in host.config.modules:
        return f"{host.source}.modules[{host.config.modules.index(path)}]"
    if path == host.config.home:
        return f"{host.source}.home"
    return next((at for _, p, at in host.member_homes if p == path), f"{host.source}.home")


def named_by(path: str, text: str) -> Iterator[tuple[str, str]]:
    """(as written, path relative to the stack file) of each relative path in a Nix file. A path
    outside the stack's directory begins with `..`.
    """
    for written in paths_in(text):
        yield written, posixpath.normpath(posixpath.join(posixpath.dirname(path), written))


def carried(host: Host, sources: Sources) -> dict[str, str | bytes]:
    """Every file that is copied: the hand-written ones, and the flake that the host extends."""
    extends = host.config.extends
    whole = dict(below(extends.flake, sources)) if extends is not None and host.is_nixos else {}
    return dict(sorted({**whole, **own_files(host, sources)}.items()))


def own_files(host: Host, sources: Sources) -> dict[str, str | bytes]:
    """The hand-written files that the host names, and those that they name in turn."""
    return reached(own_paths(host), sources)


def reached(paths: list[str], sources: Sources) -> dict[str, str | bytes]:
    """These files, and those that they name in turn."""
    out: dict[str, str | bytes] = {}
    pending = list(paths)
    while pending:
        for name, content in below(pending.pop(), sources):
            if name in out:
                continue
            out[name] = content
            if name.endswith(".nix") and isinstance(content, str):
                pending += [there for _, there in named_by(name, content)]
    return dict(sorted(out.items()))


def below(path: str, sources: Sources) -> Iterator[tuple[str, str | bytes]]:
    """A file, or every file of a directory."""
    if path in sources:
        yield path, sources[path]
        return
    for name, content in sources.items():
        if name.startswith(f"{path}/"):
            yield name, content


def are_modules_here(host: Host, sources: Sources) -> bool:
    """Whether the host's modules, and what they name, are all there. If not, another check says so,
    and what is missing may set anything: what they lack is not known.
    """
    paths = [host.config.hardware or "", *host.config.modules]
    named = {
        there
        for name, text in reached(paths, sources).items()
        if name.endswith(".nix") and isinstance(text, str)
        for _, there in named_by(name, text)
        if there != "." and not there.startswith("..")
    }
    if not all(path in sources or f"{path}/default.nix" in sources for path in paths):
        return False
    return all(any(True for _ in below(path, sources)) for path in named)


def own_settings(host: Host, sources: Sources) -> Iterator[Setting]:
    """Every option that a hand-written module of the host sets, as far as its text shows. Those of
    a flake that the host extends are in `own_flake`.
    """
    files = own_files(host, sources).items()
    texts = [(n, t) for n, t in files if n.endswith(".nix") and isinstance(t, str)]
    for source in read_files(texts, own_paths(host)).values():
        yield from source.settings


def inputs_asked(host: Host, sources: Sources) -> set[str]:
    """Flake inputs that the host's own modules ask for, as `inputs.<name>`."""
    out: set[str] = set()
    for name, content in own_files(host, sources).items():
        if name.endswith(".nix") and isinstance(content, str):
            out |= inputs_in(content)
    return out


def check_own_files(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Problems of hand-written files: not a module, or an import that cannot be copied."""
    for host in plan.hosts.values():
        for path in own_paths(host):
            yield from _is_module(host, path, sources)
        for name, content in own_files(host, sources).items():
            if name.endswith(".nix") and isinstance(content, str):
                yield from _is_nix(host, name, content)
                yield from _all_there(host, name, content, sources)
        for name, content in carried(host, sources).items():
            if name.endswith(".nix") and isinstance(content, bytes):
                yield Problem(
                    host.source,
                    f"{name} is not text: it has bytes that are not UTF-8, or a NUL, so no check "
                    "reads it",
                    "save it as UTF-8",
                    check=OWN_MODULE,
                )


def _is_nix(host: Host, name: str, content: str) -> Iterator[Problem]:
    for line in read_nix(content).unread[:1]:
        # The grammar does not have pipes, which are experimental in Nix.
        newer = not read_nix(_PIPE.sub("++", content)).unread
        yield Problem(
            host.source,
            f"{name}:{line}: this cannot be parsed as Nix, so it is not known what it opens",
            "write it without |> and <|" if newer else "correct it",
            check=OWN_MODULE,
            severity="warning" if newer else "error",
        )


def _is_module(host: Host, path: str, sources: Sources) -> Iterator[Problem]:
    where = named_at(host, path)
    if path in sources and not path.endswith(".nix"):
        yield Problem(
            where,
            f"{path} is not a NixOS module: NixOS imports Nix files",
            f"write it as Nix and name that: {posixpath.splitext(path)[0]}.nix; or let a module of "
            "yours read it (builtins.readFile ./…)",
            check=OWN_MODULE,
        )
    inside = [name for name in sources if name.startswith(f"{path}/")]
    if inside and f"{path}/default.nix" not in sources:
        yield Problem(
            where,
            f"{path} has no default.nix, which is what NixOS imports of a directory",
            f"add {path}/default.nix, or name its files: {', '.join(sorted(inside)[:3])}",
            check=OWN_MODULE,
        )


def _all_there(host: Host, name: str, content: str, sources: Sources) -> Iterator[Problem]:
    for written, there in named_by(name, content):
        if there.startswith(".."):
            yield Problem(
                host.source,
                f"{name} names {written}, which lies outside of the stack's directory",
                "move it beside the stack file: nothing else is copied to the host",
                check=OWN_MODULE,
            )
        elif there != "." and not any(True for _ in below(there, sources)):
            yield Problem(
                host.source,
                f"{name} names {written}, and there is no {there}",
                "write it, or take the line out",
                check=OWN_MODULE,
            )
        elif written in evaluated_in(content):
            yield from _is_evaluated(host, name, written, there, sources)


def _is_evaluated(
    host: Host, name: str, written: str, there: str, sources: Sources
) -> Iterator[Problem]:
    """What a file imports is a Nix file, or a directory with `default.nix`."""
    if there in sources and not there.endswith(".nix"):
        yield Problem(
            host.source,
            f"{name} imports {written}, and only files that end in .nix are read as Nix here: what "
            "it opens is not known",
            f"name it {posixpath.splitext(there)[0]}.nix if it is Nix, or read it with "
            "builtins.readFile",
            check=OWN_MODULE,
        )
    elif there not in sources and not there.startswith("..") and there != ".":
        inside = sorted(n for n, _ in below(there, sources))
        if f"{there}/default.nix" not in inside:
            yield Problem(
                host.source,
                f"{name} imports {written}, a directory that has no default.nix, which is what Nix "
                "reads of it",
                f"add {there}/default.nix, or name its files: {', '.join(inside[:3])}",
                check=OWN_MODULE,
            )
