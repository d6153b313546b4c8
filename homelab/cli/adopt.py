"""`homelab adopt`: take over what runs already, without changing it."""

from __future__ import annotations

import sys
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated

import typer

from homelab.cli.adopt_clouds import clouds_app
from homelab.cli.lab import HERE, Directory, StackName
from homelab.problems import UsageError

adopt_app = typer.Typer(no_args_is_help=True, help="Take over what runs already. Reads only.")
adopt_app.add_typer(clouds_app)


@adopt_app.command()
def host(
    name: Annotated[str, typer.Argument(help="Name of the host in the stack.")],
    address: Annotated[str, typer.Argument(help="Its IPv4 address: LAN, tailnet or public.")],
    host_key: Annotated[
        str | None,
        typer.Option("--host-key", help="Its SSH host key. Default: that of ~/.ssh/known_hosts."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", help="SSH user. Default: that of its entry, or root."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", help="SSH port. Default: that of its entry, or 22.", min=1, max=65535
        ),
    ] = None,
    config: Annotated[
        str, typer.Option("--config", help="Directory of its configuration, on the machine.")
    ] = "/etc/nixos",
    system: Annotated[
        str, typer.Option("--system", help="Its name in its flake. Default: its host name.")
    ] = "",
    state_version: Annotated[
        str,
        typer.Option("--state-version", help="Its system.stateVersion, if that cannot be read."),
    ] = "",
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Add a running NixOS machine to the stack, with its own configuration and nothing managed.

    Reads the machine over SSH and changes nothing on it. Copies its configuration beside the stack
    file, and adds its entry to the stack file. Replaces no file and no entry.
    """
    from homelab.adoption.decision import Asked
    from homelab.adoption.report import found_on
    from homelab.ops.adopt import adopt
    from homelab.ops.project.stack import find_stack

    found = find_stack(cwd, stack)
    try:
        where = IPv4Address(address)
    except AddressValueError:
        raise UsageError(f'"{address}" is not an IPv4 address; write 192.168.1.9') from None
    if not config.startswith("/"):
        raise UsageError(f'--config: "{config}" is not absolute; start it with /')
    asked = Asked(name, where, user, port, config, system, state_version)
    done = adopt(cwd, found, asked, host_key)
    for line in found_on(done.machine):
        print(line)
    for path in done.written:
        print(f"written: {path}")
    for section, text in done.to_add.items():
        print(f"add to homelab:{section}:\n{text}", end="")
    for note in done.adoption.notes:
        print(f"note: {note}", file=sys.stderr)
    for step in (*done.adoption.steps, "homelab check", f"homelab eval {name}"):
        print(f"next: {step}")


@adopt_app.command()
def part(
    host_name: Annotated[str, typer.Argument(metavar="HOST", help="An adopted host.")],
    parts: Annotated[list[str], typer.Argument(metavar="PART…", help="tailnet, dns, …")],
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Show what changes on a host when homelab manages more of it. Changes nothing.

    Prints the generated files that come, the options that they set, and the lines of your own
    modules that set the same options. Once `manage` has the parts, `homelab up HOST --mode dry`
    builds the system and prints the units that a switch starts, stops and restarts.
    """
    from homelab.ops.adopt_part import preview
    from homelab.ops.project.stack import find_stack

    for line in preview(cwd, find_stack(cwd, stack), host_name, parts):
        print(line)
