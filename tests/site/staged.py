"""The files of a stack as hosts receive them: written by a shell script and read by Nix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from homelab.deploy.plan import build_flags, build_wake, policy_of
from homelab.deploy.scripts import build_script, confirm_script
from homelab.deploy.shell import files_function
from homelab.plan import Plan
from homelab.render import render
from tests.site import judges
from tests.site.judges import Values
from tests.site.observed import sources
from tests.site.payloads import CANARY
from tests.tools.programs import run

_PUT = """
put() { printf '%s' "$2" >"$work/flake/$1"; }
put_base64() { base64 -d >"$work/flake/$1"; }
mkdir -p "$work/flake"
"""
"""What `stage.sh` does with each file, without modes and locks."""


def wrong(plan: Plan, directory: Path, values: Values, meant: list[str]) -> list[str]:
    """What is wrong with the files on the hosts, and with the scripts that put them there. Nix
    reads the texts that are meant, or (in a flake) a value as it is.
    """
    found: list[str] = []
    paths: list[Path] = []
    for host, release in render(plan, sources(plan)).items():
        files = dict(release.files)
        found += arrived(directory / host, files)
        paths += [
            directory / host / "flake" / name
            for name, text in files.items()
            if name.endswith(".nix") and isinstance(text, str) and CANARY in text
        ]
        rules = policy_of(plan.stack, plan.hosts[host], stack="rich")
        flags = build_flags(plan.stack, plan.hosts, plan.hosts[host])
        wake = build_wake(plan.hosts, plan.hosts[host])
        for script in (
            build_script(release.id, rules, flags, wake=wake),
            confirm_script("0", rules.may_fail, seal=True, policy=rules),
        ):
            found += judges.bash(script, values)
    error, parsed = parsed_by_nix(paths)
    found += [error] if error else []
    for text in literals(parsed):
        if not any(text in whole for whole in meant):
            found += judges.whole(text, values)
    return found


def arrived(directory: Path, files: Mapping[str, str | bytes]) -> list[str]:
    """Files that the shell script changes."""
    directory.mkdir(parents=True, exist_ok=True)
    script = f"work={directory}\n{_PUT}{files_function('files', 'flake/', files)}files\n"
    done = run("bash", "-euo", "pipefail", "-s", stdin=script)
    found = [f"bash: {done.stderr}"] if done.stderr or done.returncode else []
    for name, content in files.items():
        there = directory / "flake" / name
        data = content.encode() if isinstance(content, str) else content
        if not there.is_file() or there.read_bytes() != data:
            found.append(f"{name} did not arrive as it is")
    return found


def parsed_by_nix(paths: list[Path]) -> tuple[str, str]:
    """What Nix says against files, and how it read them; a variable that nobody defined is an error
    to its parser.
    """
    if not paths:
        return "", ""
    done = run("nix-instantiate", "--parse", *paths)
    return (done.stderr if done.returncode else ""), done.stdout


_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = {"n": "\n", "r": "\r", "t": "\t"}


def literals(parsed: str) -> set[str]:
    """The strings with a canary in the output of Nix."""
    return {
        re.sub(r"\\(.)", lambda m: _ESCAPE.get(m[1], m[1]), found, flags=re.DOTALL)
        for found in _LITERAL.findall(parsed)
        if CANARY in found
    }
