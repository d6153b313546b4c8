"""A minimal reader of Nix that finds missing files and an outdated lock file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\])*"|''(?:'''|''\$|''\\.|\$(?!\{)|[^'$]|'(?!')|\$\{)*'')
    """,
    re.DOTALL | re.VERBOSE,
)
_RELATIVE = re.compile(r"(?<![\w./}$])(\.\.?(?:/[\w.+-]+)+)(?!/?[\w$]|/?\$\{)")
_READ = re.compile(r"(?:[^=!<>]=|\?|(?<![\w.-])(?:builtins|lib)\.(?!import\b)[\w.'-]+)\s*\Z")
"""What stands before a path that is a value, a default or an argument. No module imports that."""
_EXTENDED = re.compile(r"\s*\+")
"""A path is extended to a file below it."""
_INPUT = re.compile(r"(?<![\w.])inputs\.([\w-]+)")
_INPUTS = re.compile(r"(?<![\w.])inputs\s*=\s*\{")


def code(text: str, *, keep_strings: bool = False) -> str:
    """The text without comments. Strings are emptied, unless they are kept."""

    def replace(match: re.Match[str]) -> str:
        if match["comment"] is not None:
            return " "
        return match[0] if keep_strings else '""'

    return _TOKEN.sub(replace, text)


def problems(flake: Path) -> Iterator[str]:
    """Each relative path in the tree's Nix files that does not exist or leaves the tree."""
    top = flake.resolve()
    for path in sorted(flake.rglob("*.nix")):
        text = code(path.read_text(errors="replace"))
        for match in _RELATIVE.finditer(text):
            named = match[1]
            target = (path.parent / named).resolve()
            where = f"{path.relative_to(flake)}: {named}"
            if not target.is_relative_to(top):
                yield f"{where} leads out of the flake"
            elif not target.exists():
                yield f"path '{where}' does not exist"
            elif target.is_dir() and not (target / "default.nix").exists():
                if not any(target.rglob("*.nix")):
                    continue  # files for a program, which no module imports
                if _READ.search(text[: match.start()]) or _EXTENDED.match(text, match.end()):
                    continue  # a directory that is read, such as that of an extended flake
                yield f"{where} is a directory without default.nix"


def lock_problems(flake: Path, text: str) -> list[str]:
    """Why Nix would refuse the lock file with --no-update-lock-file."""
    wanted = inputs(text)
    try:
        nodes = json.loads((flake / "flake.lock").read_text())["nodes"]
        locked = set(nodes["root"].get("inputs", {}))
    except FileNotFoundError:
        locked = set()
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{flake}/flake.lock: not a lock file"]
    if wanted == locked:
        return []
    changed = ", ".join(sorted(wanted ^ locked))
    what = f"flake '{flake}' requires lock file changes ({changed})"
    return [f"{what} but they're not allowed due to '--no-update-lock-file'"]


def inputs(text: str) -> set[str]:
    """The inputs of a flake.nix, written as `inputs.a.url = …` or `inputs = { a… }`."""
    bare = code(text)
    found = set(_INPUT.findall(bare.partition("outputs")[0]))
    end = 0
    for start in _INPUTS.finditer(bare):
        if start.start() < end:
            continue  # inputs of an input are not locked here
        depth, begin = 1, start.end()
        for match in re.finditer(r"[{};]|(?<![\w.])[\w-]+(?=[\w.\s-]*=)", bare[begin:]):
            if match[0] == "{":
                depth += 1
            elif match[0] == "}":
                depth -= 1
                if depth == 0:
                    end = begin + match.end()
                    break
            elif match[0] != ";" and depth == 1:
                found.add(match[0])
    return found
