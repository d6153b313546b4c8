"""`homelab init`: a few questions or flags, then a new homelab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName
from homelab.cli.problems import print_error
from homelab.cli.secret_values import ask_or_skip
from homelab.problems import HomelabError

start_app = typer.Typer()


@start_app.command("dev-shells")
def dev_shells(stack: StackName = None, cwd: Directory = HERE) -> None:
    """Write the development shells of `homelab:dev` to dev-shells/STACK/.

    The flake of `homelab init` has them: `nix develop .#NAME`. `homelab check` warns once they
    differ from the stack.
    """
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.stack import find_stack, open_stack
    from homelab.ops.starter.dev_shells import place_of, write_shells

    name = find_stack(cwd, stack)
    with rehearsed():
        plan = open_stack(cwd, name).plan
    changed = write_shells(cwd, name, plan)
    for path in changed:
        print(f"{path} written")
    for shell in sorted(plan.stack.dev.shells) if changed else ():
        print(f"use it: git add dev-shells, then nix develop .#{shell}")
    if not changed:
        print(f"{place_of(cwd, name)}: nothing changed")


@start_app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Directory of the new homelab.")] = Path(),
    name: Annotated[str | None, typer.Option(help="Name. Default: the directory's.")] = None,
    new_stack: Annotated[str, typer.Option("--stack", help="Name of the stack.")] = "home",
    host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ADDRESS…",
            help="A NixOS machine: NAME=ADDRESS, or NAME=ADDRESS,aarch64-linux. The first one runs "
            "the proxy and the resolver.",
        ),
    ] = None,
    host_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LINE…",
            help='NAME="ssh-ed25519 …": its /etc/ssh/ssh_host_ed25519_key.pub.',
        ),
    ] = None,
    hardware: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE…", help="NAME=FILE: its hardware-configuration.nix."),
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Domain of all names at home.")] = None,
    lan: Annotated[str | None, typer.Option(help="Home network: 192.168.1.0/24.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Address of the router.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Time zone: Europe/Oslo.")] = None,
    user: Annotated[str | None, typer.Option(help="Your account on the hosts.")] = None,
    email: Annotated[str | None, typer.Option(help="Your e-mail address.")] = None,
    ssh_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY|FILE…",
            help="Your public SSH key, or its file. Default: the one in ~/.ssh.",
        ),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY…",
            help="age1… of a person who edits secrets. Default: your key, or a new one.",
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=LABEL]",
            help="The first service of the catalog, one alone: navidrome, or navidrome=music.",
        ),
    ] = None,
    sign_in: Annotated[
        str | None, typer.Option("--sign-in", help="Sign-in portal: authelia or none.")
    ] = None,
    zone: Annotated[str | None, typer.Option("--cloudflare-zone", help="Your domain.")] = None,
    zone_id: Annotated[
        str | None, typer.Option("--cloudflare-zone-id", help="Its id at Cloudflare.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--cloudflare-account", help="Id of the Cloudflare account.")
    ] = None,
    tailnet: Annotated[str | None, typer.Option(help="Name of the tailnet: tail….ts.net.")] = None,
    library: Annotated[
        str | None,
        typer.Option(help="Version, URL or requirement of homelab. Default: the one that runs."),
    ] = None,
    adopt_later: Annotated[
        bool,
        typer.Option(
            "--adopt-later", help="The hosts run NixOS already; homelab adopt host follows."
        ),
    ] = False,
    into: Annotated[
        bool, typer.Option("--into", help="Add to a directory that is not empty.")
    ] = False,
    git: Annotated[bool, typer.Option("--git/--no-git", help="Make a Git repository.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take the defaults.")] = False,
) -> None:
    """Make a homelab of your own, which depends on this library.

    Asks for what has no flag, on a terminal. Writes no existing file, and nothing at all if the
    result would not pass `homelab check`.
    """
    from homelab.ops.starter.answers import Given
    from homelab.ops.starter.gather import gather
    from homelab.ops.starter.next_steps import command_prefix, next_lines
    from homelab.ops.starter.start import check_place, lines_of_files, start

    given = Given(
        name=name,
        stack=new_stack,
        hosts=tuple(host or ()),
        host_keys=tuple(host_key or ()),
        hardware=tuple(hardware or ()),
        domain=domain,
        lan=lan,
        gateway=gateway,
        timezone=timezone,
        user=user,
        email=email,
        ssh_keys=tuple(ssh_key or ()),
        operators=tuple(operator or ()),
        services=tuple(service or ()),
        sign_in=sign_in,
        zone=zone,
        zone_id=zone_id,
        account=account,
        tailnet=tailnet,
        library=library,
        adopt_later=adopt_later,
    )
    check_place(directory, new_stack, into=into)
    asks = not yes and sys.stdin.isatty()
    answers, key, notes = gather(given, directory, _ask if asks else None)
    run = command_prefix()
    try:
        started = start(directory, answers, key, ask_or_skip if asks else _skip, run=run, git=git)
    except HomelabError as error:
        print_error(error)
        if f"services.{answers.service}" in str(error):
            hint = f"begin with another --service, and add {answers.service} afterwards"
            print(hint, file=sys.stderr)
        print("nothing was written", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    print(f"{answers.name} is in {directory.resolve()}:")
    for line in (*lines_of_files(started), *notes):
        print(line)
    for line in next_lines(answers, directory, started, run=run):
        print(line)


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True))


def _skip(_title: str) -> str:
    return ""
