"""An update of pins as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homelab.evaluation.versions import Change
from homelab.nix.renaming import joined
from homelab.problems import lines_of, shortened
from homelab.update.model import HostUpdate, PinUpdate, Step
from homelab.update.obsolete import Use
from homelab.update.unbuilt import Unbuilt

_SHOWN = 20


def pin_lines(pin: PinUpdate) -> Iterator[str]:
    """The revisions of a pin."""
    yield f"pin {pin.pin}: {pin.path}"
    width = max((len(r.name) for r in pin.revisions), default=0)
    for each in pin.revisions:
        change = f"{each.old or 'new'} -> {each.new or 'gone'}"
        yield f"  {each.name:{width}}  {change}"
    for name in pin.dropped:
        yield (
            f"  {name}: nothing declares this input, so the new lock file does not have it; add it "
            "to homelab:flakes to keep it"
        )
    if not pin.revisions and not pin.dropped:
        yield "  nothing is newer"


def host_lines(update: HostUpdate) -> Iterator[str]:
    """Packages, steps, what would be compiled, and problems of a host."""
    host = update.host
    if not update.compared:
        yield f"{host}: packages could not be compared"
    elif not update.changes:
        yield f"{host}: no version of a package changes"
    else:
        yield f"{host}: {_count(len(update.changes), 'version')} change"
        yield from _listed(update.changes)
    for step in update.steps:
        yield from _step(host, step)
    for use in update.uses:
        yield _use(host, use)
    if update.unbuilt is not None:
        yield from _unbuilt(host, update.unbuilt)
    yield from lines_of(update.problems, host)


def fixed_lines(done: Iterable[Use]) -> Iterator[str]:
    """The places that get the new name of an option."""
    for use in done:
        yield f"fixed: {_place(use)}: {use.obsolete.what}"


def _use(host: str, use: Use) -> str:
    each = use.obsolete
    if each.new is None:
        return f"error: {host}: {_place(use)}: {each.what}; remove it, or follow what it says"
    way_out = "write the new name, or try --fix" if each.same_type else "write the new value"
    return f"renamed: {host}: {_place(use)}: {each.what}; {way_out}"


def _place(use: Use) -> str:
    line = f":{use.line}" if use.line else ""
    return f"{use.file}{line}: {use.where}" if use.file else use.where


def as_data(pins: Iterable[PinUpdate], hosts: Iterable[HostUpdate]) -> dict[str, object]:
    """An update as plain data."""
    return {
        "pins": {
            p.pin: {
                "lock": p.path,
                "inputs": {r.name: {"old": r.old, "new": r.new} for r in p.revisions},
                "dropped": list(p.dropped),
            }
            for p in pins
        },
        "hosts": {h.host: _host_data(h) for h in hosts},
    }


def _host_data(update: HostUpdate) -> dict[str, object]:
    unbuilt = update.unbuilt
    return {
        "compared": update.compared,
        "changes": [
            {
                "name": c.name,
                "old": c.old,
                "new": c.new,
                "major": c.is_major,
                "services": list(c.services),
            }
            for c in update.changes
        ],
        "steps": [
            {
                "service": s.service,
                "what": s.upgrade.what,
                "way_out": s.upgrade.way_out,
                "source": s.upgrade.source,
                "skips_a_major_version": s.skips,
            }
            for s in update.steps
        ],
        "options": [
            {
                "where": use.where,
                "file": use.file,
                "line": use.line,
                "option": joined(use.obsolete.option),
                "new": joined(use.obsolete.new) if use.obsolete.new else None,
                "same_type": use.obsolete.same_type,
            }
            for use in update.uses
        ],
        "compiled": list(unbuilt.packages) if unbuilt else None,
        "fetched": unbuilt.fetched if unbuilt else None,
        "caches_answered": not unbuilt.unreached if unbuilt else None,
        "problems": [p.as_data() for p in update.problems],
    }


def _listed(changes: tuple[Change, ...]) -> Iterator[str]:
    """Services, databases and the parts of a system, then the rest in short."""
    first = [c for c in changes if c.services or c.database or c.name in _PARTS]
    rest = [c for c in changes if c not in first]
    for change in first:
        about = [*change.services, *(["database"] if change.database else [])]
        about = [name for name in about if name != change.name]
        named = f" ({', '.join(about)})" if about else ""
        yield f"  {change.name}{named} {_versions(change)}{'  major' if change.is_major else ''}"
    for change in rest[:_SHOWN]:
        yield f"  {change.name} {_versions(change)}"
    if len(rest) > _SHOWN:
        yield f"  and {len(rest) - _SHOWN} more; --json lists all"


_PARTS = ("kernel", "nix", "systemd")


def _versions(change: Change) -> str:
    return f"{change.old or 'new'} -> {change.new or 'gone'}"


def _step(host: str, step: Step) -> Iterator[str]:
    change = step.change
    if step.skips:
        yield (
            f"error: {host}: {step.service}: {change.old} -> {change.new} skips a major version, "
            f"and {step.upgrade.what}; {step.upgrade.way_out} ({step.upgrade.source})"
        )
        return
    yield (
        f"step: {host}: {step.service}: {change.old} -> {change.new}: {step.upgrade.what}; "
        f"{step.upgrade.way_out} ({step.upgrade.source})"
    )


def _unbuilt(host: str, unbuilt: Unbuilt) -> Iterator[str]:
    if unbuilt.unreached:
        yield (
            f"{host}: a cache did not answer, so what would be compiled is not known; "
            "name a machine that reaches it with --on"
        )
        return
    if unbuilt.packages:
        names = shortened(", ".join(unbuilt.packages))
        yield f"{host}: {_count(len(unbuilt.packages), 'package')} compiled, not fetched: {names}"
    else:
        yield f"{host}: nothing is compiled"
    if unbuilt.fetched:
        yield f"{host}: {unbuilt.fetched}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
