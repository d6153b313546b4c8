"""No value of the stack becomes code: hostile ones stand in every text field, and what gets past the
checks is read by the real parsers of what is rendered.

`HOSTILE_VALUES=25000` runs as many as that; a seeded sample runs without it.
"""

from __future__ import annotations

import os
import random
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from homelab.nix import Comment, Module, Nix, Script, print_module
from homelab.nix.values import After, Before, Force
from homelab.plan import Plan
from homelab.render import modules_of
from homelab.system.flakes import flake
from tests.site.hostile import CANARY, Put, round_of, settled
from tests.site.observed import sources
from tests.site.rich import VARIANTS
from tests.tools.programs import run

MANY = int(os.environ.get("HOSTILE_VALUES", "0"))
HOMELABS = [*VARIANTS] if MANY else ["as it is", "nginx"]


def rendered(plan: Plan) -> dict[str, str]:
    """The Nix files of every host, by host and path."""
    files = sources(plan)
    out = {}
    for name, host in plan.hosts.items():
        if host.config.state == "planned":
            continue
        modules = modules_of(plan, host)
        out[f"{name}/flake.nix"] = str(flake(plan, host, modules, files, "")[0])
        out |= {f"{name}/{m.file}": print_module(m, "head") for m in modules}
    return out


def scripts(module: Module) -> Iterator[str]:
    """The shell in a module."""
    for tree in (module.derived, module.stated):
        yield from _scripts(tree)


def _scripts(value: Nix) -> Iterator[str]:
    match value:
        case Script(parts):
            yield "".join(p if isinstance(p, str) else "/nix/store/x" for p in parts)
        case Force(inner) | After(inner) | Before(inner) | Comment(_, inner):
            yield from _scripts(inner)
        case Mapping():
            for inner in value.values():
                yield from _scripts(inner)
        case list() | tuple():
            for inner in value:
                yield from _scripts(inner)


def unread(directory: Path, files: Mapping[str, str]) -> str:
    """What Nix says against the files; a variable that nobody defined is an error to its parser."""
    paths = []
    for name, text in files.items():
        if CANARY in text or name.endswith("flake.nix"):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    done = run("nix-instantiate", "--parse", *paths)
    return done.stderr if done.returncode else ""


def loose(text: str, values: list[str]) -> list[str]:
    """Words of a shell script in which the canary stands without the whole value around it."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    # A dump is called as its file is.
    last = {v.rpartition("/")[2] for v in values} - {CANARY}
    whole = [*values, *(v for v in last if CANARY in v), f"={CANARY}"]
    return [w for w in lexer if CANARY in w and not any(v in w for v in whole)]


def judged(directory: Path, puts: list[Put], plan: Plan) -> list[str]:
    """What is wrong with what is rendered."""
    wrong = [unread(directory, rendered(plan))]
    values = [p.value for p in puts if CANARY in p.value]
    for host in plan.hosts.values():
        for module in modules_of(plan, host):
            for text in scripts(module):
                if CANARY not in text:
                    continue
                done = run("bash", "-n", stdin=text)
                wrong += [f"{module.file}: {done.stderr}"] if done.returncode else []
                wrong += [f"{module.file}: {w!r}" for w in loose(text, values)]
    return [w for w in wrong if w]


@pytest.mark.parametrize("variant", HOMELABS)
def test_no_value_that_gets_past_the_checks_becomes_code(variant: str, tmp_path: Path) -> None:
    seed = random.Random(variant)
    passed = rounds = 0
    wrong: list[Any] = []
    while passed < (MANY / len(HOMELABS) or 30) and not wrong:
        for puts, plan in settled(variant, round_of(variant, seed)):
            passed += len(puts)
            for said in judged(tmp_path / str(rounds), puts, plan):
                wrong.append((said, [(p.kind, p.where, p.value) for p in puts]))
            rounds += 1
    print(f"{variant}: {passed} values in {rounds} homelabs")
    assert wrong == []


def test_a_canary_outside_of_a_string_is_found(tmp_path: Path) -> None:
    assert unread(tmp_path, {"a.nix": '{ ... }: { a = "x" + zqx + ""; }'})
    assert not unread(tmp_path, {"a.nix": '{ ... }: { a = "x\\" + zqx + \\""; }'})
    assert loose("echo 'a'; zqx", ["a'; zqx"]) == ["zqx"]
    assert not loose("echo " + shlex.quote("a'; zqx"), ["a'; zqx"])
