"""The nixpkgs that evaluates hosts, and stand-ins for what it lacks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from homelab.catalog.upstream.ask import modules_of, release_of, service_config
from homelab.catalog.upstream.model import Value
from homelab.ops.evaluate import Evaluation, evaluate
from homelab.ops.project.stack import Stack
from homelab.plan import Plan
from homelab.system.model import Host
from homelab.system.pinned import replaced as replaced_packages

HERE = Path(__file__).parent
AGE = HERE / "age.nix"
NIXPKGS = os.environ.get("HOMELAB_NIXPKGS", "")
"""Directory of a nixpkgs of any age: `HOMELAB_NIXPKGS=/src/nixpkgs pytest tests/evaluation`."""
INPUTS = os.environ.get("HOMELAB_FLAKE_INPUTS", "")
"""Directory with real sources of further flakes, each under its input's name; else stand-ins."""
OLDEST = "25.11"
"""The oldest release that stacks may name: a nixpkgs of it needs no stand-in."""


def ask(expression: str, *, write: bool = False) -> object:
    """The value of a Nix expression. With `write`, derivations and sources are stored."""
    mode = ["--read-write-mode"] if write else []
    done = subprocess.run(
        ["nix-instantiate", "--eval", *mode, "--strict", "--json", "--expr", expression],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@cache
def release() -> str:
    """The release of the nixpkgs, such as `20.09`."""
    found = ask(f"(import {NIXPKGS}/lib).trivial.release")
    assert isinstance(found, str)
    return found


def is_old() -> bool:
    """Whether the nixpkgs is older than the releases that stacks may name."""
    return release() < OLDEST


@cache
def replaced() -> frozenset[str]:
    """Entries of the catalog whose module in this nixpkgs is missing or different."""
    found = ask(f"builtins.attrNames (import {AGE} (import {NIXPKGS}/lib)).services")
    assert isinstance(found, list)
    return frozenset(map(str, found))


def evaluated(stack: Stack, host: str, directory: Path, *, memory_mib: int = 6144) -> Evaluation:
    """One host of a stack, evaluated with the nixpkgs. Stand-ins are written to `directory`."""
    found = list(
        evaluate(
            stack,
            [host],
            inputs=inputs(stack.plan, stack.plan.hosts[host], directory),
            memory_mib=memory_mib,
            report=lambda _: None,
        )
    )
    # `nftables` in age.nix turns it off for an old nixpkgs.
    left = tuple(p for p in found[0].problems if not (is_old() and "SEC-NET-002" in p.what))
    return replace(found[0], problems=left)


def inputs(plan: Plan, host: Host, directory: Path) -> Mapping[str, str]:
    """A directory for each input that the host's flake may name."""
    stubs = {p.name: str(p) for p in (HERE / "stubs").iterdir() if p.is_dir()}
    real = {p.name: str(p) for p in Path(INPUTS).iterdir()} if INPUTS else {}
    others = dict.fromkeys(replaced_packages(plan.stack), NIXPKGS)
    return {**stubs, **others, **real, "nixpkgs": _nixpkgs(plan, host, directory)}


def _nixpkgs(plan: Plan, host: Host, directory: Path) -> str:
    if not is_old():
        return NIXPKGS
    facts = directory / "facts.json"
    facts.write_text(json.dumps(_facts(plan, host)), encoding="utf-8")
    call = f"{{ nixpkgs = {NIXPKGS}; age = {AGE}; facts = builtins.fromJSON (builtins.readFile {facts}); }}"
    (directory / "flake.nix").write_text(f"import {HERE / 'old.nix'} {call}\n", encoding="utf-8")
    return str(directory)


def _facts(plan: Plan, host: Host) -> dict[str, object]:
    """Units and users that current modules create, for services with a replaced module."""
    units: dict[str, dict[str, object]] = {}
    users: set[str] = set()
    for service in plan.on(host.name):
        # An earlier release may have another module.
        named = {service.entry.name, *service.modules} & {*replaced()}
        if service.is_custom or not named:
            continue
        for unit in service.units:
            units[unit] = dict(_settings(min(named), unit, service.release))
        for module in {*modules_of(service.entry), *service.modules}:
            facts = release_of(module, service.release)
            users |= set(facts.users if facts else ())
        users |= {u for u in (unit.get("User") for unit in units.values()) if isinstance(u, str)}
    return {"units": units, "users": sorted(users - {"root"})}


def _settings(entry: str, unit: str, of: str) -> Iterator[tuple[str, Value]]:
    for name, setting in service_config(entry, unit, of).items():
        # Settings of the unit of a package, and secrets, do not matter here.
        if setting.priority != "package" and name not in ("EnvironmentFile", "LoadCredential"):
            yield name, setting.value
