"""Paths of hand-written modules that a flake cannot read: channels, a home, absolute paths."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import file_check
from homelab.nix.code import elsewhere_in
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host
from homelab.system.own import Sources, named_at, own_paths, reached

FLAKE_PATH = file_check(
    "flake-path",
    "error",
    "A flake is evaluated without channels and without files outside of it, so a module that names "
    "them stops the evaluation.",
)
_SEARCHED = "<"
_NIXPKGS = "<nixpkgs/"


def check_flake_paths(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Paths such as `<home-manager/nixos>`, `~/x.nix` and `/etc/nixos/x.nix` in own modules."""
    for host in plan.hosts.values():
        for top in own_paths(host):
            for file, text in reached([top], sources).items():
                if file.endswith(".nix") and isinstance(text, str):
                    yield from _of(host, named_at(host, top), file, text)


def _of(host: Host, where: str, file: str, text: str) -> Iterator[Problem]:
    for line, written in elsewhere_in(text):
        absolute = written.startswith("/")
        yield Problem(
            where,
            f"{file}:{line} names {written}, "
            + (
                "and a flake cannot read that file"
                if absolute
                else f"which the flake of {host.name} cannot look up"
            ),
            _way_out(written),
            check=FLAKE_PATH,
            # A path that becomes text, such as that of a secret, is not read.
            severity="warning" if absolute else "error",
            file=file,
            line=line,
        )


def _way_out(written: str) -> str:
    if written == "<nixpkgs>":
        return "use the argument pkgs: { pkgs, ... }"
    if written.startswith(_NIXPKGS):
        below = written.removeprefix(_NIXPKGS).rstrip(">")
        if below == "nixos/modules" or below.startswith("nixos/modules/"):
            rest = below.removeprefix("nixos/modules")
            return f'write "${{modulesPath}}{rest}", with the argument: {{ modulesPath, ... }}'
        return f'write "${{inputs.nixpkgs}}/{below}", with the argument: {{ inputs, ... }}'
    if written.startswith(_SEARCHED):
        name = written[1:-1].partition("/")[0]
        return (
            f"write its module of a flake, such as inputs.{name}.nixosModules.default, with the "
            f"argument: {{ inputs, ... }}; and add it to homelab:flakes unless homelab has it"
        )
    quoted = f'"{written}"'
    return (
        "copy the file beside the module and name it ./…"
        if written.startswith("~")
        else f"copy the file beside the module and name it ./…, or write {quoted} if it is on the "
        "host only"
    )
