"""Commands for hosts: status, up, logs, ssh, rollback, confirm, unlock, retire, forget, switch."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from homelab.cli.lab import HERE, Directory, Json, StackName
from homelab.problems import InvalidStackError

if TYPE_CHECKING:
    from homelab.deploy.model import Release

hosts_app = typer.Typer()

HostName = Annotated[str, typer.Argument(help="The host.")]


@hosts_app.command()
def status(
    what: Annotated[
        str, typer.Argument(help="What to report on: `all`, `hosts`, `tailnet`, or one host.")
    ] = "all",
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show the state of every host and of the tailnet. Reads only; changes nothing.

    Exits with 1 if something needs attention, or if the next `up` would stop.
    """
    from homelab.ops.project.stack import check_stack, find_stack, open_stack
    from homelab.ops.status import read_sections
    from homelab.status import as_data, as_text

    name = find_stack(cwd, stack)
    releases: Mapping[str, Release] = {}
    try:
        opened = open_stack(cwd, name)
        plan, releases = opened.plan, opened.releases
    except InvalidStackError:
        # Also works for a stack with problems: the report may explain them.
        plan, _ = check_stack(cwd, name)
    sections = read_sections(plan, cwd, releases, what)
    print(json.dumps(as_data(sections), indent=2) if as_json else as_text(sections).rstrip())
    raise typer.Exit(0 if all(s.ok for s in sections) else 1)


@hosts_app.command()
def up(
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HOST…]", help="Hosts alone. Default: everything."),
    ] = None,
    mode: Annotated[
        Literal["switch", "test", "boot", "dry"] | None,
        typer.Option("--mode", help="What happens to the built systems, in this run only."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Run `pulumi up` for some hosts, or in another mode.

    With hosts, the clouds and the other hosts stay as they are. Prints the command that it runs.
    """
    from homelab.ops.deploy.up import become, pulumi_up
    from homelab.ops.project.stack import check_stack, find_stack

    name = find_stack(cwd, stack)
    plan, _ = check_stack(cwd, name)
    words, variables = pulumi_up(plan, hosts or [], mode, yes=yes)
    _say(" ".join([*(f"{k}='{v}'" for k, v in variables.items()), *words]))
    become(words, variables, cwd, name)


@hosts_app.command()
def rollback(
    host: HostName,
    to: Annotated[
        Literal["before", "current"] | None,
        typer.Option(
            help="current: the last committed release; before: the one before it. Default: before, "
            "and current while a test runs or a boot is prepared."
        ),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Switch a host back to an earlier release, confirmed like any other switch."""
    from homelab.ops.hosts import roll_back
    from homelab.ops.project.stack import check_stack, find_stack

    name = find_stack(cwd, stack)
    plan, _ = check_stack(cwd, name)
    roll_back(plan, name, host, to or "", _say)


@hosts_app.command()
def confirm(host: HostName, stack: StackName = None, cwd: Directory = HERE) -> None:
    """Keep the release that a host tests, or that it has booted: check it and commit it."""
    from homelab.ops.hosts import confirm as keep
    from homelab.ops.project.stack import check_stack, find_stack

    name = find_stack(cwd, stack)
    plan, _ = check_stack(cwd, name)
    keep(plan, name, host, _say)


@hosts_app.command()
def unlock(
    host: HostName,
    force: Annotated[bool, typer.Option(help="Also stop and roll back a running switch.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Unlock a host that a killed `up` left locked or half-way."""
    from homelab.ops.hosts import unlock as let_go
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    let_go(plan, host, _say, force=force)


@hosts_app.command()
def generations(
    host: HostName, stack: StackName = None, cwd: Directory = HERE, as_json: Json = False
) -> None:
    """List the generations of a host's system, the newest first. Reads only."""
    from rich.console import Console
    from rich.table import Table

    from homelab.ops.look import generations as read
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    found = read(plan, host)
    if as_json:
        print(json.dumps([g.as_data() for g in found], indent=2))
        return
    table = Table("generation", "made", "release", "NixOS", "kernel", "")
    for one in found:
        marks = ", ".join(one.marks)
        table.add_row(str(one.number), one.date, one.release, one.version, one.kernel, marks)
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


@hosts_app.command()
def logs(
    host: HostName,
    service: Annotated[str, typer.Argument(help="Only the units of this service.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines too.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Print the journal of a host, or of one of its services. Reads only."""
    from homelab.ops.look import follow_logs
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    raise typer.Exit(follow_logs(plan, host, service, lines, print, follow=follow))


@hosts_app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    host: HostName,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORD…]", help="Command to run, or a line of the shell. Default: a shell."
        ),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Log in to a host with ssh, over its first path that answers, with the pinned host key."""
    from homelab.ops.look import open_shell
    from homelab.ops.project.stack import check_stack, find_stack

    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    raise typer.Exit(open_shell(plan, host, command or []))


@hosts_app.command()
def retire(host: HostName, stack: StackName = None, cwd: Directory = HERE) -> None:
    """Clean up a retired host and list the remaining manual steps.

    Removes secrets, releases and deployments of earlier releases. Data, backups and user accounts
    stay.
    """
    from homelab.ops.leaving import retire as clean
    from homelab.ops.project.stack import find_stack, open_stack

    clean(open_stack(cwd, find_stack(cwd, stack)), host, _say)


@hosts_app.command()
def forget(
    host: HostName,
    address: Annotated[
        str | None, typer.Option("--address", help="Address at which it can still be reached.")
    ] = None,
    host_key: Annotated[
        str | None, typer.Option("--host-key", help="Its host key, as the stack had it.")
    ] = None,
    user: Annotated[str, typer.Option("--user", help="SSH user.")] = "root",
    port: Annotated[int, typer.Option("--port", help="SSH port.", min=1, max=65535)] = 22,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, instead of only listing it.")] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Remove a host that has left the stack from the lock.

    With an address and the host key, also remove homelab's files from the machine, but not the
    running system. Without --yes it only prints what it would remove.
    """
    from homelab.ops.leaving import forget as let_leave
    from homelab.ops.leaving import machine_at
    from homelab.ops.project.stack import check_stack, find_stack

    machine = machine_at(address, host_key, user, port)
    plan, _ = check_stack(cwd, find_stack(cwd, stack))
    let_leave(cwd, plan, host, machine, _say, confirmed=yes)


@hosts_app.command()
def disks(
    host: HostName,
    disko: Annotated[
        Path | None,
        typer.Option("--disko", help="Write the layout of a new machine for disko to a new file."),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", help="The host's name again, instead of typing it (--disko)."),
    ] = None,
    stack: StackName = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show the disks of a host in the stack, with model and serial number. Changes nothing.

    With --disko, also writes a file for disko, which erases the disks of a new machine when a
    person runs disko with it. `homelab install` needs no such file.
    """
    from homelab.disks import disko as layout
    from homelab.disks.listing import as_data, as_text
    from homelab.ops import disks as files
    from homelab.ops.hosts import known_host
    from homelab.ops.project.stack import check_stack, find_stack

    plan, problems = check_stack(cwd, find_stack(cwd, stack))
    found = known_host(plan, host)
    if disko is not None:
        files.sound(found, problems)
    text = layout.disko_text(found) if disko is not None else ""
    print(json.dumps(as_data(found), indent=2) if as_json else as_text(found).rstrip())
    if disko is None:
        return
    if confirm is None and sys.stdin.isatty():
        _say(f"disko erases these disks of {host}. Type the host's name to write {disko}:")
        confirm = sys.stdin.readline().strip()
    files.confirm(host, confirm)
    files.write_layout(disko, text)
    _say(f"{disko} written")


@hosts_app.command()
def switch(host: Annotated[str, typer.Argument(help="The host, as its spec names it.")]) -> None:
    """Switch one host to its release. `pulumi up` runs this; the spec comes on standard input."""
    from homelab.ops.deploy.offline import run

    code = run(sys.stdin.read(), report=_say)
    raise typer.Exit(code)


@hosts_app.command()
def send(host: Annotated[str, typer.Argument(help="The host, as its spec names it.")]) -> None:
    """Run a script on a host. `pulumi up` runs this where its own SSH does not reach the host; the
    spec comes on standard input.
    """
    from homelab.ops.deploy.send import run

    code = run(sys.stdin.read(), output=lambda text: print(text, end="", flush=True), report=_say)
    raise typer.Exit(code)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
