"""Mistyped stacks: keys removed, renamed or doubled; values of another place or type.

Whatever is left, the answer is a plan, or problems that each name a place and what is wrong there.
`make test` tries a few of each shipped stack, `make test-lab` more, and `MUTATIONS=2000` as many.
"""

from __future__ import annotations

import copy
import os
import random
from pathlib import Path
from typing import Any

import pytest

from homelab.checks import run_checks
from homelab.config.document import Document, read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.ops.project.stack import check_document, check_sources, read_sources
from homelab.planner import make_plan
from homelab.problems import InvalidStackError, Problem
from homelab.render import render
from tests import build

MANY = int(os.environ.get("MUTATIONS", "50"))
FEW = 8
STACKS = [
    *sorted(build.SHIPPED.glob("Pulumi.*.yaml")),
    *sorted((build.ROOT / "examples").glob("*/Pulumi.*.yaml")),
]
STRANGE: list[Any] = [
    *(None, True, 0, -1, 65536, 1.5, 10**12, "", "x", "a b", "10.0.0.1", "0.0.0.0/0", "/", "../x"),
    *("*", "{", "{name}", "${x}", "'", '"', "%", "a:b", "no", "25.11", "99.99", [], {}, [None]),
    *([{}], {"": 1}, ["x", "x"], "x" * 300, "pi", "tag:agent"),
]
KEYS = ("host", "state", "name", "port", "options", "routes", "tags", "kind", "path", "secrets")
Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> list[Place]:
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [*([path] if path else []), *(p for k, v in inner for p in places(v, (*path, k)))]


def at(value: Any, path: Place) -> Any:
    for part in path:
        value = value[part]
    return value


def mistyped(word: str, chance: random.Random) -> str:
    i = chance.randrange(len(word)) if word else 0
    return chance.choice(
        [word[:i] + word[i + 1 :], word[:i] + "x" + word[i:], word.upper(), word.replace("_", "-")]
    )


def mutate(values: Any, path: Place, others: list[Any], chance: random.Random) -> None:
    holder, key = at(values, path[:-1]), path[-1]
    match chance.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[mistyped(str(key), chance)] = holder.pop(key)
        case 2:
            holder[key] = copy.deepcopy(chance.choice(others))
        case 3 if isinstance(holder[key], str):
            holder[key] = mistyped(holder[key], chance)
        case 4 if isinstance(holder, dict):
            holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice([*STRANGE, *others]))
        case 5 if isinstance(holder[key], list):
            holder[key] = [*holder[key], copy.deepcopy(chance.choice([*STRANGE, *holder[key]]))]
        case _:
            holder[key] = copy.deepcopy(chance.choice(STRANGE))


def problems_of(values: Any, file: Path) -> list[Problem]:
    """The problems of a stack; without any, its files are rendered too. Beside values of the wrong
    shape, those of the rest are among them."""
    document = Document(values, file.name)
    try:
        plan = make_plan(load_stack_config(document), Lock())
    except InvalidStackError:
        with pytest.raises(InvalidStackError) as raised:
            check_document(file.parent, file.name.split(".")[1], document)
        return [*raised.value.problems]
    sources, missing = read_sources(file.parent, plan)
    found = {*run_checks(plan), *missing}
    sound = not any(p.severity == "error" for p in found)
    found |= {*check_sources(plan, sources, sound=sound)}
    if not any(p.severity == "error" for p in found):
        render(plan, sources)
    return sorted(found)


@pytest.mark.parametrize("many", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
@pytest.mark.parametrize("file", STACKS, ids=lambda f: f.name)
def test_a_mistyped_stack_is_planned_or_refused_with_messages(file: Path, many: int) -> None:
    chance = random.Random(f"{file.name}{many}")
    whole = dict(read_document(file).values)
    every = places(whole)
    others = [at(whole, p) for p in every]
    for _ in range(many):
        values = copy.deepcopy(whole)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            mutate(values, chance.choice(places(values)), others, chance)
        for problem in problems_of(values, file):
            assert problem.where
            assert problem.what
            assert problem.way_out, str(problem)
            assert len(str(problem)) < 1200, str(problem)


def named(values: Any) -> set[str]:
    """The keys of all objects in objects: hosts, services, datasets, targets, people."""
    inner = values.values() if isinstance(values, dict) else ()
    return {str(k) for v in inner if isinstance(v, dict) for k in v} | {
        name for v in inner for name in named(v)
    }


@pytest.mark.parametrize(
    "file",
    [
        f if f.name == "Pulumi.cabin.yaml" else pytest.param(f, marks=pytest.mark.long)
        for f in STACKS
    ],
    ids=lambda f: f.name,
)
def test_a_name_of_nothing_in_place_of_any_name_is_answered_with_messages(file: Path) -> None:
    whole = dict(read_document(file).values)
    names = named(whole)
    for place in places(whole):
        if not (isinstance(at(whole, place), str) and at(whole, place) in names):
            continue
        values = copy.deepcopy(whole)
        at(values, place[:-1])[place[-1]] = "nothing-has-this-name"
        for problem in problems_of(values, file):
            assert problem.where, place
            assert problem.what, place
            assert problem.way_out, str(problem)
