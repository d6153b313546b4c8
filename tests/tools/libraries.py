"""What the libraries of a host's tree make of the options that its generated files set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from homelab.nix import Module, print_module
from homelab.plan import Plan
from homelab.render import DERIVE, modules_of
from homelab.system.model import Host
from tests.tools.programs import evaluate

MODULES = Path(__file__).with_name("modules.nix")
FILES = ("backup.nix", "backup-stores.nix", "services/backrest.nix")
"""Files whose libraries `modules.nix` reads; hardening's has a test of its own."""
PACKAGES = (
    *("backrest", "bash", "coreutils", "curl", "gnutar", "influxdb2-cli", "jq", "mkpasswd"),
    *("restic", "sqlite", "util-linux"),
)
"""Packages that libraries name, and programs of dumps. Each is the directory `pkgs/<name>`."""
_OTHERS = ("virtualisation.podman", "services.mysql", "services.postgresql")
"""Options of nixpkgs whose package a generated file asks for: `pkgs/<last part>`."""


@cache
def modules_on(plan: Plan, host: str) -> tuple[Module, ...]:
    """The modules of a host, rendered once for each plan."""
    return tuple(modules_of(plan, plan.hosts[host]))


def set_by_libraries(plan: Plan, host: Host, option: str, directory: Path) -> Mapping[str, Any]:
    """What libraries set on a host, if one sets this option (`systemd.services`); else nothing."""
    made = [m for m in modules_on(plan, host.name) if m.file in FILES and m.library]
    sets = any(option in m.library.text for m in made if m.library)
    return evaluated(made, directory) if sets else {}


def evaluated(modules: Iterable[Module], directory: Path, own: str = "{ }") -> Mapping[str, Any]:
    """The merged options of modules with a library, and of an owner's module in Nix.

    Packages lie at `pkgs/<name>` of the directory.
    """
    files: dict[str, str] = {"lib/derive.nix": DERIVE}
    names = []
    for module in modules:
        assert module.library is not None, module.file
        root = "/".join([".", *(".." for _ in Path(module.file).parent.parts)])
        files |= {module.file: print_module(module, "Head", root), **dict(module.extra)}
        files[module.library.file] = module.library.text
        names.append(module.file)
    return _evaluated(tuple(sorted(files.items())), tuple(names), own, str(directory.resolve()))


@cache
def _evaluated(
    files: tuple[tuple[str, str], ...], names: tuple[str, ...], own: str, directory: str
) -> Mapping[str, Any]:
    packages = " ".join(f'{p} = "{directory}/pkgs/{p}";' for p in PACKAGES)
    others = " ".join(f'{o}.package = "{directory}/pkgs/{o.rsplit(".", 1)[1]}";' for o in _OTHERS)
    modules = " ".join(f"./{name}" for name in names)
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        for name, text in files:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, encoding="utf-8")
        found = evaluate(
            f'let pkgs = {{ runtimeShell = "/bin/sh"; '
            f'writeShellScriptBin = name: _: "{directory}/pkgs/${{name}}"; '
            f'writeShellScript = name: _: "{directory}/pkgs/${{name}}"; {packages} }}; '
            f"in (import {MODULES})"
            f".evaluate {{ inherit pkgs; }} [ {modules} ({own}) {{ {others} }} ]",
            top,
        )
    assert isinstance(found, dict)
    return found
