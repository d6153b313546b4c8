"""`homelab why` names the right place: with another value at that place, the line is another one."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path

import pytest
from pydantic import BaseModel

from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.evaluation.origin import Origin, Origins
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import Stack, open_document, open_stack
from homelab.problems import HomelabError
from tests.docs.pictures import stacks
from tests.site.test_every_field import fits, guesses

pytestmark = [pytest.mark.long, pytest.mark.requirement("S4-03", "S4-04")]

SAMPLE = 200
TRIES = 60
"""Number of other values that are tried at one place."""

FOLLOWED = ("flake.lock", "own.nix")
"""Files with the contents or the names of the owner's files, which would need another such file."""
UNDECIDED = {
    "cloudflare.tunnel": "published names need a tunnel, and it ends at the reverse proxy",
    "hosts.pavilion.tailscale": "a grant names the tag of agents, and it is the only one",
    "site.owner": "their home has their name, and a home of nobody is refused",
}
"""Places that have one possible value in a shipped stack, with the reason."""
OTHERS: dict[str, object] = {
    "network.entry.acme": {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "ca/key"}}},
}
"""Values of places whose type suggests none that fits the shipped stacks."""

Step = str | int
Line = tuple[str, Origin]
"""A host, and the origin of one of its lines."""


SAMPLED = [(top, name) for top, name in stacks() if name in ("home", "cabin", "lan")]


@pytest.mark.parametrize(("top", "name"), SAMPLED, ids=lambda v: getattr(v, "name", v))
def test_another_value_at_the_place_of_a_line_changes_the_line(top: Path, name: str) -> None:
    with rehearsed():
        stack = open_stack(top, name)
        by_place: dict[str, list[Line]] = {}
        for host, origin in _sample(stack):
            assert origin.place is not None
            by_place.setdefault(origin.place.where, []).append((host, origin))
        wrong = {
            where: [(host, o.file, o.first) for host, o in left]
            for where, lines in by_place.items()
            if where not in UNDECIDED and (left := _unchanged(stack, top, name, where, lines))
        }
    assert wrong == {}


def _sample(stack: Stack) -> list[Line]:
    """Lines of all hosts that a value decides, each as likely as another one.

    Three sorts of lines have a place that no value shows: those that every host of every stack has
    as soon as it has the package, such as `./backup.nix`; those of a host as a whole, which go with
    its key; and those of the owner's own files.
    """
    found: list[Line] = []
    for host, release in sorted(stack.releases.items()):
        files = dict(release.files)
        origins = Origins(stack.plan, stack.plan.hosts[host], files)
        for file, content in sorted(files.items()):
            if file in FOLLOWED or file.startswith("own/") or isinstance(content, bytes):
                continue
            for origin in origins.of_lines(file):
                if origin.place and origin.first and origin.place.where != f"hosts.{host}":
                    found += [(host, origin)] * (origin.last - origin.first + 1)
    # The same lines for each run: a failure can be repeated.
    random.Random(stack.name).shuffle(found)
    return list(islice((line for line in found if not _is_common(stack, *line)), SAMPLE))


def _is_common(stack: Stack, host: str, origin: Origin) -> bool:
    """Whether another host, in any stack, has the same lines in this file."""
    files = dict(stack.releases[host].files)
    lines = _text(str(files[origin.file]), origin)
    return any(
        lines in content
        for where, content in _contents().get(origin.file, ())
        if where != (stack.directory, stack.name, host)
    )


@cache
def _contents() -> dict[str, list[tuple[tuple[Path, str, str], str]]]:
    """The contents of each file, by its name, with the directory, the stack and the host."""
    found: dict[str, list[tuple[tuple[Path, str, str], str]]] = {}
    for top, name in stacks():
        for host, release in open_stack(top, name).releases.items():
            for file, content in release.files:
                if isinstance(content, str):
                    found.setdefault(file, []).append(((top, name, host), content))
    return found


def _text(content: str, origin: Origin) -> str:
    return "\n".join(content.splitlines()[origin.first - 1 : origin.last])


def _unchanged(stack: Stack, top: Path, name: str, where: str, lines: Sequence[Line]) -> list[Line]:
    """The lines that no other value at the place changes."""
    left = list(dict.fromkeys(lines))
    for tried, other in enumerate(_others(stack, top, name, where)):
        left = [(host, origin) for host, origin in left if _remains(stack, other, host, origin)]
        if not left or tried == TRIES:
            break
    return left


def _remains(stack: Stack, other: Stack, host: str, origin: Origin) -> bool:
    """Whether the lines are in the file as often as before."""
    before = str(dict(stack.releases[host].files)[origin.file])
    release = other.releases.get(host)
    after = dict(release.files).get(origin.file) if release else None
    lines = _text(before, origin)
    return after is not None and str(after).count(lines) >= before.count(lines)


def _others(stack: Stack, top: Path, name: str, where: str) -> Iterator[Stack]:
    """The stack with other values at a place, or below it."""
    document = read_stack_document(top, name)
    for steps, value in _changes(stack.plan.stack, where):
        values: dict[str, Value] = copy.deepcopy(dict(document.values))
        if not _put(values, steps, value):
            continue
        try:
            yield open_document(top, name, replace(document, values=values))
        except HomelabError:
            continue


def _changes(config: StackConfig, where: str) -> Iterator[tuple[list[Step], object]]:
    """Paths at or below a place, each with another value. None removes the key."""
    steps: list[Step] = []
    here: object = config
    holder: object = None
    for step in _steps(config, where):
        holder, here = here, _inside(here, step)
        steps.append(_key(holder, step))
        if here is None:
            break
    if isinstance(holder, BaseModel) and isinstance(steps[-1], str):
        yield from _guessed(holder, _field(holder, steps[-1]), steps, [*config.hosts])
    if where in OTHERS:
        yield steps, OTHERS[where]
    yield steps, None
    yield from _below(here, steps, [*config.hosts])


def _below(
    here: object, steps: list[Step], hosts: list[str]
) -> Iterator[tuple[list[Step], object]]:
    inner: list[tuple[Step, object]] = []
    if isinstance(here, BaseModel):
        stated = sorted(type(here).model_fields, key=lambda f: f not in here.model_fields_set)
        for field in stated:
            yield from _guessed(here, field, [*steps, _key(here, field)], hosts)
        inner = [(_key(here, f), getattr(here, f)) for f in stated]
    elif isinstance(here, Mapping):
        yield from (([*steps, key], None) for key in here)
        inner = list(here.items())
    elif isinstance(here, list | tuple):
        inner = list(enumerate(here))
    for key, value in inner:
        if isinstance(value, BaseModel | Mapping | list):
            yield from _below(value, [*steps, key], hosts)


def _guessed(
    model: BaseModel, field: str, steps: list[Step], hosts: list[str]
) -> Iterator[tuple[list[Step], object]]:
    now = getattr(model, field)
    if isinstance(now, BaseModel):
        return
    tried = 0
    near: list[object] = []
    if isinstance(now, IPv4Address):
        near = [str(now + 50), str(now - 50)]
    elif now in hosts:
        near = [*hosts]
    elif field == "port" and now is None:
        near = [18_080]  # Few apps may have a low one.
    for value in (*near, *guesses(type(model), field, now)):
        if value != now and (value is None or fits(type(model), field, value)):
            yield steps, value
            tried += 1
        if tried == 2:
            return


def _steps(config: BaseModel, where: str) -> Iterator[Step]:
    """The keys of a place. A key of a mapping may contain dots."""
    here: object = config
    rest = where
    while rest:
        if found := re.match(r"\[(\d+)\]\.?", rest):
            step: Step = int(found.group(1))
            rest = rest[found.end() :]
        else:
            keys = [k for k in here if _starts(rest, k)] if isinstance(here, Mapping) else []
            step = max(keys, key=len) if keys else re.split(r"[.\[]", rest)[0]
            rest = rest[len(str(step)) :].removeprefix(".")
        yield step
        here = _inside(here, step)


def _starts(rest: str, key: str) -> bool:
    return rest == key or rest.startswith((f"{key}.", f"{key}["))


def _inside(here: object, step: Step) -> object:
    if isinstance(here, BaseModel) and isinstance(step, str):
        return getattr(here, _field(here, step), None)
    if isinstance(here, Mapping):
        return here.get(step)
    if isinstance(here, list | tuple) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _field(model: BaseModel, key: str) -> str:
    fields = type(model).model_fields
    return next((name for name, f in fields.items() if f.alias == key), key)


def _key(holder: object, step: Step) -> Step:
    """The key of the stack file for a field of a model."""
    fields = type(holder).model_fields if isinstance(holder, BaseModel) else {}
    found = fields.get(str(step))
    return found.alias or step if found else step


def _put(values: dict[str, Value], steps: Sequence[Step], value: object) -> bool:
    """Change a value of the stack file; False if it has no such place."""
    here: object = values
    for step in steps[:-1]:
        if isinstance(here, dict):
            if here.get(step) is None:
                here[step] = {}
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            return False
    last = steps[-1]
    if isinstance(here, list) and isinstance(last, int) and last < len(here):
        here[last : last + 1] = [] if value is None else [value]
    elif not isinstance(here, dict) or (value is None and last not in here):
        return False
    elif value is None:
        del here[last]
    else:
        here[last] = value
    return True
