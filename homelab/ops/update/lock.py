"""Lock the inputs of pins anew with Nix, and write the result once it was shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homelab.config.document import parse_document
from homelab.config.stack_edit import Place, with_values
from homelab.deploy import scripts
from homelab.evaluation.failures import REPAIR, is_broken
from homelab.nix.flake import locked_inputs
from homelab.ops.evaluate import MEMORY_MIB, needs_program, run_nix
from homelab.ops.hosts import named
from homelab.ops.project.documents import read_stack_document, with_facts
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import Stack, check_document, open_document
from homelab.ops.update.own_flake import completed, own_flake
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.problems import (
    HomelabError,
    InvalidStackError,
    Problem,
    UsageError,
    did_you_mean,
)
from homelab.render import modules_of
from homelab.system.flakes import inputs_of
from homelab.system.model import Host
from homelab.system.nix_checks import LOCK_COMPLETE, LOCK_MATCHES
from homelab.update.locking import LockTask, lock_task, revisions, same_lock
from homelab.update.model import PinUpdate
from homelab.update.release import moved_flake, moved_pin

Say = Callable[[str], None]
_NOTHING = ("",)
"""Inputs to lock anew if all stay: none of this name exists."""
_OF_LOCKS = (LOCK_COMPLETE, LOCK_MATCHES)


@dataclass(frozen=True)
class Request:
    """What to update, and where Nix runs."""

    inputs: tuple[str, ...] = ()
    """Inputs of lock files; all if none is named."""
    host: str = ""
    """Only the pin of this host, and only this host is compared."""
    to: str = ""
    """NixOS release that the pins move to."""
    on: str | None = None
    memory_mib: int = MEMORY_MIB
    edits: Mapping[Place, object] = field(default_factory=dict)
    """Further values of the stack file."""
    only_new: bool = False
    """Lock only inputs that the lock files lack; the others stay as they are."""


@dataclass(frozen=True)
class Update:
    """New lock files that are not written yet, and the stack with them."""

    pins: tuple[PinUpdate, ...]
    old: Stack | None
    """None if the stack has no usable lock files yet."""
    new: Stack
    files: Mapping[Path, str] = field(default_factory=dict)
    """Every file that a write changes: lock files, an own `flake.nix`, the stack file, modules."""


def lock_anew(directory: Path, name: str, request: Request, report: Say) -> Update:
    """Lock inputs of the stack's pins anew. Nix fetches them, here or on a host of the stack.

    Raises InvalidStackError for problems besides those of lock files, and HomelabError if Nix
    cannot lock.
    """
    document = read_stack_document(directory, name)
    plan, problems = check_document(directory, name, document)
    locks = {pin.lock for pin in plan.stack.nixpkgs.values()}
    left = [p for p in problems if p.severity == "error" and not _is_of_locks(p, locks)]
    if left:
        raise InvalidStackError(left)
    pins = _pins(plan, request)
    moves = {pin: moved_pin(plan.stack, pin, request.to) for pin in pins} if request.to else {}
    edits = {**request.edits, **{p: v for m in moves.values() for p, v in m.edits.items()}}
    moved, new_plan, files = document, plan, dict[Path, str]()
    if edits:
        file = directory / f"Pulumi.{name}.yaml"
        files[file] = _edited(directory, name, edits)
        moved = with_facts(parse_document(files[file], file.name), directory)
        new_plan = check_document(directory, name, moved)[0]
    builder = named(plan, request.on) if request.on is not None else None
    sources, _ = read_sources(directory, new_plan)
    updates = []
    for pin in pins:
        path = new_plan.stack.nixpkgs[pin].lock
        own, flake = own_flake(directory, path), ""
        present = _text(sources.get(path, ""))
        needed = _needed(new_plan, pin, sources)
        if own is not None:
            written = flake = files.get(own) or own.read_text(encoding="utf-8")
            if pin in moves:
                flake = moved_flake(flake, plan.stack, moves[pin], own.name)
            place = own.relative_to(directory).as_posix()
            flake = completed(new_plan.stack, pin, flake, present, needed, place)
            if flake != written:
                files[own] = flake
        inputs = _meant(request.inputs, pin, needed, present)
        if request.only_new:
            inputs = tuple(sorted({*needed} - locked_inputs(present).keys())) or _NOTHING
        task = lock_task(new_plan.stack, pin, needed, present, inputs, flake)
        report(f"{pin}: locking{' on ' + builder.name if builder else ''}")
        lock = _locked(task, builder, path)
        updates.append(PinUpdate(pin, path, present, lock, revisions(present, lock), task.dropped))
        if not same_lock(present, lock):
            files[directory / path] = lock
    ready = {u.path: u.new for u in updates}
    old = None
    if not any(p.severity == "error" for p in problems):
        old = open_document(directory, name, document)
    return Update(tuple(updates), old, open_document(directory, name, moved, ready), files)


def write(update: Update) -> list[Path]:
    """Write the lock files, and with another release the stack file. Returns their paths."""
    written = []
    for path, text in update.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HomelabError(f"{path.parent}: cannot be made: {error.strerror}") from None
        if replace_file(path, text):
            written.append(path)
    return written


def _is_of_locks(problem: Problem, locks: set[str]) -> bool:
    missing = problem.check == "file-present" and problem.what in {
        f"there is no {p}" for p in locks
    }
    return missing or problem.check in _OF_LOCKS


def _pins(plan: Plan, request: Request) -> list[str]:
    """The pins that hosts of the request use."""
    hosts = list(plan.hosts.values())
    if request.host:
        known = [h.name for h in hosts]
        if request.host not in known:
            raise UsageError(
                f'there is no host "{request.host}"; {did_you_mean(request.host, known, "hosts")}'
            )
        hosts = [plan.hosts[request.host]]
    used = {h.config.nixpkgs for h in hosts}
    return [pin for pin in plan.stack.nixpkgs if pin in used]


def _needed(plan: Plan, pin: str, sources: Mapping[str, str | bytes]) -> list[str]:
    """Every input that a host of the pin needs."""
    hosts = [h for h in plan.hosts.values() if h.config.nixpkgs == pin]
    return sorted({n for h in hosts for n in inputs_of(plan, h, modules_of(plan, h), sources)})


def _meant(inputs: Sequence[str], pin: str, needed: Sequence[str], present: str) -> tuple[str, ...]:
    """The named inputs. Raises UsageError for one that the lock file cannot have."""
    known = {*needed, *locked_inputs(present)}
    for name in inputs:
        if name not in known:
            raise UsageError(
                f'the pin {pin} has no input "{name}"; {did_you_mean(name, known, "inputs")}'
            )
    return tuple(inputs)


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode(errors="replace")


def _locked(task: LockTask, builder: Host | None, path: str) -> str:
    done = run_nix(scripts.relock_script(task.files), builder)
    needs_program(done, "nix", builder)
    if done.exit != 0 or not locked_inputs(done.stdout):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        cause = [line for line in lines if "error:" in line] or lines[-1:]
        what = cause[-1].partition("error:")[2].strip() or cause[-1].strip() if cause else ""
        where = builder.name if builder is not None else "this computer"
        other = "another host" if builder is not None else "a host of the stack"
        first = REPAIR if is_broken(what) else f"check that {where} reaches them"
        raise HomelabError(
            f"{path}: Nix on {where} cannot lock the inputs: "
            f"{what or f'it exited with {done.exit}'}; {first}, or run it on {other} with --on HOST"
        )
    return done.stdout


def _edited(directory: Path, name: str, edits: Mapping[Place, object]) -> str:
    """The stack file with these values. Comments and layout of the rest stay."""
    path = directory / f"Pulumi.{name}.yaml"
    text = with_values(path.read_text(encoding="utf-8"), edits)
    if not text:
        lines = ", ".join(f"{'.'.join(place)}: {value}" for place, value in edits.items())
        raise HomelabError(
            f"{path}: its form allows no edit of these values alone; write by hand {lines}, then "
            "run homelab update"
        )
    return text
