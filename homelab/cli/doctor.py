"""`homelab doctor`: what this machine and the project need, on one page."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName

doctor_app = typer.Typer()


@doctor_app.command()
def doctor(
    connect: Annotated[
        bool,
        typer.Option("--connect", help="Also ask the hosts and the clouds, over the network."),
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show what this machine and the project need: programs, keys, the stack, its secrets.

    Each line is ok, a note, or an error with its way out. Changes nothing. With `--connect` it also
    asks each host for its paths and its clock, and each cloud whether the token may read what the
    stack manages. Exits with 1 if there is an error.
    """
    from homelab.ops.doctor.machine import machine_findings
    from homelab.ops.doctor.model import Section
    from homelab.ops.doctor.online import cloud_findings, host_findings
    from homelab.ops.doctor.project import project_findings
    from homelab.ops.project.sources import read_sops_files
    from homelab.ops.project.stack import check_stack, find_stack
    from homelab.ops.secrets.doctor import examine

    name = find_stack(cwd, stack)
    plan, problems = check_stack(cwd, name)
    sections = [
        Section("this machine", tuple(machine_findings(plan, cwd, name))),
        Section("the stack", tuple(project_findings(cwd, name, problems))),
        Section("secrets", tuple(examine(cwd, plan, read_sops_files(cwd, plan)))),
    ]
    if connect:
        sections += [
            Section("hosts", tuple(host_findings(plan))),
            Section("clouds", tuple(cloud_findings(plan, cwd))),
        ]
    wrong = any(f.level == "error" for s in sections for f in s.findings)
    if as_json:
        data = {s.title: [f.as_data() for f in s.findings] for s in sections}
        print(json.dumps(data, indent=2))
        raise typer.Exit(1 if wrong else 0)
    for section in sections:
        print(section.title)
        for finding in section.findings:
            print(f"  {finding.level}: {finding.text}")
    if not connect:
        print("hosts and clouds were not asked; homelab doctor --connect")
    raise typer.Exit(1 if wrong else 0)
