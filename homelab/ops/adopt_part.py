"""`homelab adopt part`: what changes when homelab manages more of a host. Writes nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from homelab.adoption.part import options_of, overlaps
from homelab.config.manage import Managed
from homelab.ops.project.differences import between
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import Stack, open_document, open_stack
from homelab.problems import UsageError, did_you_mean
from homelab.render import modules_of


def preview(directory: Path, stack: str, name: str, parts: Sequence[str]) -> Iterator[str]:
    """Lines for the owner: files, options, and lines of own modules that overlap with them.

    Raises UsageError for a host that is not adopted or a part that does not exist, and
    InvalidStackError if the stack has errors with these parts.
    """
    for part in parts:
        if part not in get_args(Managed):
            known = did_you_mean(part, get_args(Managed), "parts")
            raise UsageError(f'there is no part "{part}"; {known}')
    # Generated files have names of secrets and never a value.
    with rehearsed():
        present = open_stack(directory, stack)
        host = present.plan.hosts.get(name)
        if host is None or not host.is_nixos or host.config.manage is None:
            others = [h.name for h in present.plan.hosts.values() if h.config.manage is not None]
            way_out = did_you_mean(name, others, "hosts") if others else "none has manage"
            raise UsageError(f'there is no host "{name}" that is managed in part; {way_out}')
        wanted = sorted({*host.config.manage, *parts})
        coming = _with_parts(directory, stack, name, wanted)
    yield f"hosts.{name}.manage: [{', '.join(wanted)}]"
    yield from _differences(present, coming, name)
    yield from _own_lines(directory, present, coming, name)


def _with_parts(directory: Path, stack: str, name: str, parts: Sequence[str]) -> Stack:
    document = read_stack_document(directory, stack)
    values = copy.deepcopy(dict(document.values))
    hosts = values["hosts"]
    assert isinstance(hosts, dict)
    entry = hosts[name]
    assert isinstance(entry, dict)
    entry["manage"] = [*parts]
    return open_document(directory, stack, replace(document, values=values))


def _differences(present: Stack, coming: Stack, name: str) -> Iterator[str]:
    changed = [d for d in between(present, coming) if d.host == name]
    modules = {m.file: m for m in modules_of(coming.plan, coming.plan.hosts[name])}
    for each in changed:
        added, removed = each.counts
        yield f"{name}/{each.file}: +{added} -{removed}"
        if each.file in modules:
            yield from (f"  {option}" for option in options_of(modules[each.file]))
    for other in sorted({d.host for d in between(present, coming)} - {name}):
        yield f"{other}: its files change too; homelab diff {other} shows them"
    if not changed:
        yield f"{name}: no generated file differs"


def _own_lines(directory: Path, present: Stack, coming: Stack, name: str) -> Iterator[str]:
    before = {m.file for m in modules_of(present.plan, present.plan.hosts[name])}
    host = coming.plan.hosts[name]
    added = [m for m in modules_of(coming.plan, host) if m.file not in before]
    sources, _ = read_sources(directory, coming.plan)
    yield from map(str, overlaps(host, added, sources))
