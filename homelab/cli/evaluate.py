"""`homelab eval`: evaluate the generated hosts with Nix, before anything changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from homelab.cli.baseline import as_data, print_scores
from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.cli.nix import MEMORY_MIB, MemoryMib
from homelab.cli.problems import print_problems
from homelab.problems import UsageError

eval_app = typer.Typer()


@eval_app.command("eval")
def evaluate(
    hosts: Annotated[
        list[str] | None, typer.Argument(metavar="[HOST…]", help="Hosts. Default: all.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="Host of the stack to evaluate on, over SSH.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=DIRECTORY…",
            help="Local directory of a flake input (nixpkgs=/src/nixpkgs): no download.",
        ),
    ] = None,
    memory: MemoryMib = MEMORY_MIB,
    security: Annotated[
        bool,
        typer.Option("--security", help="Print the security baseline of each host as well."),
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Evaluate hosts with your own Nix and pins, and print assertions, warnings and errors.

    Also reports units with a weaker sandbox than planned, missing mounts, ports that
    the merged options open beyond the plan, and required rules of the security baseline that
    they break. Builds and changes nothing.
    """
    from homelab.ops.evaluate import evaluate as ask
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack

    # Nix reads names of secrets and never a value, so evaluation needs no secrets file.
    with rehearsed():
        opened = open_stack(cwd, find_stack(cwd, stack))
    named = dict(_input(text) for text in inputs or ())
    wrong, found, scores = False, [], []
    for done in ask(opened, hosts or (), on=on, inputs=named, memory_mib=memory, report=_say):
        wrong = wrong or any(p.severity == "error" for p in done.problems)
        found.append((done.host, done.problems))
        scores += [done.score] if done.score is not None and security else []
        if not as_json:
            print_problems(done.problems, done.host)
            if not done.problems:
                print(f"{done.host}: nothing is wrong")
    if as_json and security:
        data = {
            "problems": {host: [p.as_data() for p in ps] for host, ps in found},
            "security": as_data(scores),
        }
        print(json.dumps(data, indent=2))
    elif as_json:
        print(json.dumps({host: [p.as_data() for p in ps] for host, ps in found}, indent=2))
    else:
        print_scores(scores)
    raise typer.Exit(1 if wrong else 0)


def _input(text: str) -> tuple[str, str]:
    name, mark, path = text.partition("=")
    if not mark or not name or not Path(path).is_dir():
        raise UsageError(
            f'--input {text}: "{path or text}" is not a directory; write NAME=DIRECTORY, '
            "as --input nixpkgs=/src/nixpkgs"
        )
    return name, str(Path(path).resolve())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
