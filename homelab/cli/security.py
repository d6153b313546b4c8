"""`homelab security`: how strictly each unit is confined, and every exception with its reason."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

security_app = typer.Typer()


@security_app.command()
def security(
    host: Annotated[str, typer.Argument(help="Show only this host.")] = "",
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show the score of each unit's sandbox, and every exception with its reason.

    100 means that all parts of homelab's baseline apply. It asks the plan, not the host: on a host,
    `systemd-analyze security` shows what systemd applies.
    """
    from rich.console import Console
    from rich.table import Table

    from homelab.hardening.report import bare_units, exemptions, host_scores, scores
    from homelab.ops.hosts import named
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.pages.exceptions import exceptions

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    if host:
        named(plan, host)
    units = [u for u in plan.hardening if host in ("", u.host)]
    ranked, waived = scores(units), exemptions(units)
    bare = bare_units(s for s in plan.services if host in ("", s.host))
    about = {host, *(s.name for s in plan.on(host))}
    stated = [
        (place, why)
        for place, why in exceptions(plan.stack)
        if not host or about & {*place.split(".")[1:2]}
    ]
    if as_json:
        data = {
            "hosts": host_scores(units),
            "units": [
                {"host": s.host, "unit": s.unit, "service": s.service, "score": s.percent}
                for s in ranked
            ],
            "exceptions": [
                {"host": e.host, "unit": e.unit, "part": e.what, "why": e.why} for e in waived
            ],
            "further_units": [
                {"host": b.host, "unit": b.unit, "service": b.service, "user": b.user} for b in bare
            ],
            "decisions": [{"place": place, "why": why} for place, why in stated],
        }
        print(json.dumps(data, indent=2))
        return
    out = Console(width=None if sys.stdout.isatty() else 10_000)
    hosts = Table("host", "sandbox score", title="Hosts", title_justify="left")
    for name, percent in host_scores(units).items():
        hosts.add_row(name, str(percent))
    sandboxes = Table(
        "host",
        "unit",
        "service",
        "sandbox score",
        title="Sandboxes, the weakest first",
        title_justify="left",
    )
    for each in ranked:
        sandboxes.add_row(each.host, each.unit, each.service, str(each.percent))
    reasons = Table("host", "unit", "part", "why", title="Exceptions", title_justify="left")
    for one in waived:
        reasons.add_row(one.host, one.unit, one.what, one.why)
    further = Table(
        "host",
        "unit",
        "service",
        "runs as",
        title="Further units of these services, with the sandbox of nixpkgs alone",
        title_justify="left",
    )
    for other in bare:
        further.add_row(other.host, other.unit, other.service, other.user)
    decisions = Table("place", "why", title="Decisions of the stack config", title_justify="left")
    for place, why in stated:
        decisions.add_row(place, why)
    for table in (hosts, sandboxes, further, reasons, decisions):
        if table.row_count:
            out.print(table)
