"""What depends on a value of the stack: the lines and resources that another value would change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import SequenceMatcher
from typing import Literal, get_args, get_origin

from pydantic import BaseModel

from homelab.config.document import Path_
from homelab.config.load import load_stack_config
from homelab.config.places import existing_in, path_in, value_at, with_value
from homelab.config.scalar import Value
from homelab.evaluation.origin import DIGEST, LIBRARY, Origins, at_lines
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.locks import read_lock
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import Stack
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import InvalidStackError
from homelab.render import Files, render

_CLOUDS = ("cloudflare", "tailnet")


@dataclass(frozen=True)
class Effect:
    """Something that would differ with another value."""

    file: str
    """`pi/proxy.nix`, or the part of the plan that has the resource: `cloudflare`."""
    what: str
    """Lines and option, or the resource."""
    where: str
    """The place in the stack config that it belongs to; empty for none."""

    def __str__(self) -> str:
        return f"{self.file}{self.what}"


def effects(stack: Stack, place: str) -> list[Effect] | None:
    """What another value at a place would change; None if the place has no single value, or no
    other one can be made up.

    The value is that of the stack file, or the default. Other values are the other choices, or
    close to it, such as `xhome.example.org`. The first that the stack loads with and that changes
    something decides.
    """
    document = read_stack_document(stack.directory, stack.name)
    values, path = document.values, path_in(place)
    value, choices = _present(stack.plan, place, path)
    if existing_in(values, path) == path:
        value = value_at(values, path)
    if not isinstance(value, str | int | float | bool):
        return None
    lock = read_lock(stack.directory, stack.name).lock
    loaded = False
    for other in (*(c for c in choices if c != value), *_others(value)):
        other_values = _with(values, path, other)
        if other_values is None:
            return None
        changed = replace(document, values=other_values)
        try:
            plan = make_plan(load_stack_config(changed), lock)
        except InvalidStackError:
            continue
        loaded = True
        sources, _ = read_sources(stack.directory, plan)
        after = {name: dict(r.files) for name, r in render(plan, sources).items()}
        found = [*_lines(stack, after), *_resources(stack.plan, plan)]
        if found:
            return found
    return [] if loaded else None


def _present(plan: Plan, place: str, path: Path_) -> tuple[object, tuple[str, ...]]:
    """The value of a place, or its default; and the texts that it may have, if they are listed."""
    for use in plan.ports:
        if use.source == place:
            return use.port, ()
    holder: object = plan.stack
    choices: tuple[str, ...] = ()
    for part in path:
        choices = ()
        if isinstance(holder, BaseModel) and part in type(holder).model_fields:
            choices = tuple(_texts(type(holder).model_fields[str(part)].annotation))
            holder = getattr(holder, str(part))
        elif isinstance(holder, Mapping) and part in holder:
            holder = holder[part]
        elif isinstance(holder, Sequence) and part in range(len(holder)):
            holder = holder[int(part)]
        else:
            return None, ()
    return holder, choices


def _texts(annotation: object) -> Iterator[str]:
    """The texts of the literals in a type."""
    if get_origin(annotation) is Literal:
        yield from (a for a in get_args(annotation) if isinstance(a, str))
        return
    for inner in get_args(annotation):
        yield from _texts(inner)


def _with(values: Mapping[str, Value], path: Path_, value: Value) -> dict[str, Value] | None:
    """The values with another one, below a key that they may lack; None where a list lacks it."""
    there = existing_in(values, path)
    if there == path:
        return with_value(values, path, value)
    if not isinstance(value_at(values, there), dict):
        return None
    for part in reversed(path[len(there) + 1 :]):
        if isinstance(part, int):
            return None
        value = {part: value}
    return with_value(values, path[: len(there) + 1], value)


def _others(value: str | float | bool) -> Iterator[Value]:
    """Other values, the likeliest to load first."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 100, value * 2)
    elif isinstance(value, str):
        # A name, an address of a network, a path, a duration, a key.
        yield from (f"x{value}", f"{value}x", f"x.{value}")
        for number in [*re.finditer(r"\d+", value)][::-1]:
            yield f"{value[: number.start()]}{int(number[0]) + 1}{value[number.end() :]}"


def _lines(stack: Stack, after: Mapping[str, Files]) -> Iterator[Effect]:
    for host, release in stack.releases.items():
        files, others = dict(release.files), after.get(host, {})
        origins = Origins(stack.plan, stack.plan.hosts[host], files)
        for file, content in files.items():
            if content == others.get(file):
                continue
            whole = origins.of_file(file)
            if whole.reason in (DIGEST, LIBRARY):
                continue
            other = others.get(file, "")
            if isinstance(content, bytes) or isinstance(other, bytes) or file.endswith(".lock"):
                yield Effect(f"{host}/{file}", "", whole.place.where if whole.place else "")
                continue
            yield from _of_file(origins, host, file, content, other)


def _of_file(origins: Origins, host: str, file: str, old: str, new: str) -> Iterator[Effect]:
    before, after = old.splitlines(), new.splitlines()
    changed: dict[tuple[str, str], list[int]] = {}
    matched = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, _, _ in matched.get_opcodes():
        if tag == "equal":
            continue
        # Lines that would be added belong to the line before them.
        for number in range(start, max(end, start + 1)):
            line = min(number + 1, len(before))
            if line:
                found = origins.of_line(file, line)
                if found.reason:
                    continue  # the head of a file, which repeats what its options say
                where = found.place.where if found.place else ""
                changed.setdefault((found.option, where), []).append(line)
    for (option, where), numbers in changed.items():
        yield Effect(f"{host}/{file}", at_lines(min(numbers), max(numbers), option), where)


def _resources(old: Plan, new: Plan) -> Iterator[Effect]:
    """Resources of the clouds, by the name of their list in the plan."""
    for part in _CLOUDS:
        before, after = getattr(old, part), getattr(new, part)
        if before == after or not is_dataclass(before):
            continue
        for listed in fields(before):
            mine, theirs = getattr(before, listed.name), getattr(after, listed.name, None)
            if mine == theirs:
                continue
            kept = theirs if isinstance(theirs, tuple) else ()
            gone = [m for m in mine if m not in kept] if isinstance(mine, tuple) else []
            titles = dict.fromkeys(filter(None, (_title(item) for item in gone)))
            text = f".{listed.name}" + (f": {', '.join(titles)}" if titles else "")
            yield Effect(part, text, part)


def in_clouds(plan: Plan, section: str) -> list[Effect]:
    """The resources of a section that is a cloud, by the name of their list in the plan."""
    part = getattr(plan, section, None) if section in _CLOUDS else None
    if not is_dataclass(part):
        return []
    lists = {f.name: getattr(part, f.name) for f in fields(part)}
    return [
        Effect(section, f".{name}: {', '.join(titles) or len(held)}", section)
        for name, held in lists.items()
        if isinstance(held, tuple | dict) and held
        for titles in [list(dict.fromkeys(filter(None, map(_title, held))))]
    ]


def _title(item: object) -> str:
    if isinstance(item, str):
        return item
    for name in ("name", "domain", "hostname", "key"):
        found = getattr(item, name, None)
        if isinstance(found, str) and found:
            return found
    return ""
