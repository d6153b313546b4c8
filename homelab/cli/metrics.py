"""`homelab metrics`: how large and how readable the Nix of a stack is."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

metrics_app = typer.Typer()


@metrics_app.command()
def metrics(
    host: Annotated[str, typer.Argument(help="Show only this host.")] = "",
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show how large and how readable the Nix is, generated and your own, beside benchmarks.

    A module of your own counts once in the total, whichever hosts have it. homelab's libraries in
    `lib/` do not count, nor do files whose header says that a program generated them. A block names
    its place if `homelab why` tells a place in the stack config that is narrower than the host.
    """
    from rich.console import Console
    from rich.table import Table

    from homelab.evaluation.metrics import HostMetrics, Size, measures, percent, whole
    from homelab.evaluation.metrics import metrics as counted
    from homelab.ops.evaluate import chosen
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack

    # The tree has names of secrets and never a value, so no secrets file is read.
    with rehearsed():
        opened = open_stack(cwd, find_stack(cwd, stack))
    names = {h.name for h in chosen(opened, [host] if host else [])}
    found = counted(opened.plan, {n: r for n, r in opened.releases.items() if n in names})
    if as_json:
        data = {
            "measures": [m.as_data() for m in measures(found)],
            "hosts": [h.as_data() for h in found],
        }
        print(json.dumps(data, indent=2))
        return
    out = Console(width=None if sys.stdout.isatty() else 10_000)
    table = Table("measure", "value", "benchmark", "status", "where")
    for m in measures(found):
        table.add_row(m.what, f"{m.value} {m.unit}".strip(), m.target, m.status, m.at)
    out.print(table)

    def of_size(size: Size) -> tuple[str, ...]:
        longest, file = size.longest
        return (
            str(size.modules),
            str(size.lines),
            f"{longest} {file}" if file else "",
            _share(size.documented),
        )

    def row(one: HostMetrics) -> None:
        own, generated = of_size(one.own), of_size(one.generated)
        hosts.add_row(one.host, "own", *own, "")
        places = _share(percent(one.placed, one.blocks))
        hosts.add_row("", "generated", *generated, places)

    heads = ("modules", "lines", "longest", "with header", "blocks with place")
    hosts = Table("host", "Nix", *heads)
    for each in found:
        row(each)
    if len(found) > 1:
        row(whole(found))
    out.print(hosts)


def _share(percentage: int | None) -> str:
    return "" if percentage is None else f"{percentage} %"
