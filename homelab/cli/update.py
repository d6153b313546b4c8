"""`homelab update`: newer revisions of pins, written after their changes were shown."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.cli.nix import MEMORY_MIB, Anyway, MemoryMib, OnHost, Yes
from homelab.problems import UsageError

if TYPE_CHECKING:
    from homelab.ops.update.lock import Request, Update
    from homelab.update.model import HostUpdate

update_app = typer.Typer()


@update_app.command()
def update(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT…]", help="Inputs, such as nixpkgs. Default: all."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Only the pin of this host; compare only this host.")
    ] = "",
    to: Annotated[
        str, typer.Option("--to", metavar="RELEASE", help="Move to another NixOS release: 26.05.")
    ] = "",
    on: OnHost = None,
    memory: MemoryMib = MEMORY_MIB,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the new names of renamed options, too.")
    ] = False,
    yes: Yes = False,
    anyway: Anyway = False,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Lock newer revisions of a pin's inputs, and show what they change on each host.

    Shows revisions, versions of packages, steps that services need, what would be compiled
    instead of fetched, renamed options, and new problems. Then asks, and writes the lock files.
    Changes no host.
    """
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack
    from homelab.ops.update.lock import Request, lock_anew

    if to and not re.fullmatch(r"[0-9]{2}\.(05|11)", to):
        raise UsageError(f'--to: "{to}" is no release of NixOS; write a release: 26.05')
    asked = Request(tuple(inputs or ()), host, to, on, memory)
    with rehearsed():
        found = lock_anew(cwd, find_stack(cwd, stack), asked, _say)
        found, fails = show_update(found, asked, fix=fix, as_json=as_json)
    finish_update(found, fails=fails, yes=yes, anyway=anyway, as_json=as_json)


def show_update(
    found: Update, asked: Request, *, as_json: bool, fix: bool = False
) -> tuple[Update, bool]:
    """Print what an update changes. Returns it, with `fix` with the new names of options, and
    whether a host does not build with it.
    """
    from homelab.ops.update.fix import fixed
    from homelab.update.text import as_data, fixed_lines, pin_lines

    if not as_json:
        for pin in found.pins:
            print("\n".join(pin_lines(pin)), flush=True)
    hosts = _compared(found, asked, as_json=as_json) if found.files or fix else []
    done = fixed(found, hosts) if fix else None
    if done is not None and done.done:
        lines = list(fixed_lines(done.done))
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout, flush=True)
        # With the new names, and not only as nixpkgs promises.
        found = done.update
        hosts = _compared(found, asked, as_json=as_json)
    if as_json:
        print(json.dumps(as_data(found.pins, hosts), indent=2))
    return found, any(h.fails for h in hosts)


def _compared(found: Update, asked: Request, *, as_json: bool) -> list[HostUpdate]:
    from homelab.ops.update.compare import compare_hosts
    from homelab.update.text import host_lines

    hosts = []
    for compared in compare_hosts(found, asked, _say):
        hosts.append(compared)
        if not as_json:
            print("\n".join(host_lines(compared)), flush=True)
    return hosts


def finish_update(
    found: Update, *, fails: bool, yes: bool, anyway: bool, as_json: bool = False
) -> None:
    """Ask, and write the files of an update."""
    from homelab.ops.update.lock import write

    if not found.files:
        if not as_json:
            print("nothing is newer; nothing was written")
        return
    names = ", ".join(path.name for path in found.files)
    # Without usable lock files before, no host builds anyway.
    if fails and not anyway and found.old is not None:
        _say(
            f"{names}: not written, because a host does not build with it; follow the ways out, "
            "or write it with --anyway and change the stack then"
        )
        raise typer.Exit(1)
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Write {names}?", err=True)):
        _say("nothing was written; to write it: the same command with --yes")
        return
    for path in write(found):
        _say(f"{path} written; commit it")
    _say("next: pulumi preview --diff")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
