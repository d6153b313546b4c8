"""`homelab install` and `homelab host key`: a new machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName
from homelab.problems import UsageError, unreadable

install_app = typer.Typer()
host_app = typer.Typer(no_args_is_help=True, help="Keys of hosts.")

HostName = Annotated[str, typer.Argument(help="The host.")]


@install_app.command()
def install(
    host: HostName,
    to: Annotated[
        str | None,
        typer.Option("--to", help="user@address of the machine. Default: root at its LAN address."),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="SSH port now.", min=1, max=65535)] = 22,
    target_key: Annotated[
        str | None,
        typer.Option(
            "--target-key",
            help="SSH key that the machine has now: its line, or SHA256:… Default: that of "
            "~/.ssh/known_hosts, or it asks.",
        ),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option("--confirm", help="The host's name again, instead of typing it.")
    ] = None,
    kexec: Annotated[
        str | None,
        typer.Option(
            "--kexec",
            metavar="FILE|URL",
            help="Start this installer first: a kexec tarball of nix-community/nixos-images.",
        ),
    ] = None,
    build: Annotated[
        str,
        typer.Option(
            "--build",
            metavar="target|here|HOST",
            help="Where the first system is built: on the machine itself, here, or on a host.",
        ),
    ] = "target",
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file", help="Private host key. Default: the one that `homelab host key` made."
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", help="File with the passphrase of encrypted disks."),
    ] = None,
    reinstall: Annotated[
        bool, typer.Option("--reinstall", help="Also erase a host that homelab has installed.")
    ] = False,
    wait: Annotated[
        int, typer.Option("--wait", help="Seconds to wait for the new system.", min=0)
    ] = 600,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Install NixOS on a new machine over SSH. ERASES the disks that the stack names for it.

    The machine runs a NixOS installer, or another Linux that starts one (--kexec). The command
    shows its disks, asks for the host's name, and only then partitions, formats and installs. May
    be run again after any interruption.
    """
    from homelab.ops.install.model import Asked, Person
    from homelab.ops.install.steps import install as carry_out
    from homelab.ops.project.stack import check_stack, find_stack

    name = find_stack(cwd, stack)
    user, address = _address(to) if to else ("root", "")
    if not address:
        from homelab.ops.hosts import known_host

        known = known_host(check_stack(cwd, name)[0], host)
        address = known.lan or known.public
        if not address:
            raise UsageError(
                f"hosts.{host} has no LAN or public address; name the machine: --to root@ADDRESS"
            )
    asked = Asked(
        host=host,
        user=user,
        address=address,
        port=port,
        target_key=target_key,
        confirm=confirm,
        kexec=kexec,
        build=build,
        key_file=key_file,
        reinstall=reinstall,
        wait_seconds=wait,
    )
    ask = passphrase(passphrase_file, "Passphrase of the encrypted volumes")
    carry_out(cwd, name, asked, Person(_say, _typed, _trusts, ask))


@install_app.command()
def vm(
    host: HostName,
    memory: Annotated[int, typer.Option("--memory", help="Memory in MiB.", min=512)] = 4096,
    port: Annotated[
        int, typer.Option("--port", help="Port on 127.0.0.1 for SSH.", min=1024, max=65535)
    ] = 2222,
    build_only: Annotated[
        bool, typer.Option("--build-only", help="Print how to start it, instead of starting it.")
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Start a host of the stack as a virtual machine here, with stand-ins for its secrets.

    Needs Nix. Nothing gets out of the machine: no tunnel, no tailnet, no backup. Its data are on a
    disk of its own below ~/.local/state/homelab.
    """
    from homelab.ops.install.vm import run_vm
    from homelab.ops.project.stack import find_stack, open_stack

    opened = open_stack(cwd, find_stack(cwd, stack))
    raise typer.Exit(
        run_vm(opened, host, _say, memory_mib=memory, ssh_port=port, start=not build_only)
    )


@install_app.command("vm-tests")
def vm_tests(stack: StackName = None, cwd: Directory = HERE) -> None:
    """Write a NixOS test for each service with `critical: true`, to vm-tests/STACK/.

    The flake of `homelab init` has them among its checks: `nix flake check` boots each service in a
    virtual machine. They have no secret. `homelab check` warns once they differ from the stack.
    """
    from homelab.ops.install.service_test import place_of, write_tests
    from homelab.ops.project.rehearsed import rehearsed
    from homelab.ops.project.sources import read_sources
    from homelab.ops.project.stack import find_stack, open_stack

    name = find_stack(cwd, stack)
    with rehearsed():
        plan = open_stack(cwd, name).plan
    changed = write_tests(cwd, name, plan, read_sources(cwd, plan)[0])
    for path in changed:
        print(f"{path} written" if path.exists() else f"{path} removed")
    if not changed:
        print(f"{place_of(cwd, name)}: nothing changed")
    elif any(path.exists() for path in changed):
        print("run them: git add vm-tests, then nix flake check")


@host_app.command()
def key(
    host: HostName,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Pin this private key instead of a made one.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace a key that the stack pins already.")
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Make the SSH host key of a machine that does not exist yet, and pin it in the stack file.

    Its secrets can then be encrypted before it is installed. The private half is made from the
    master key, and stored nowhere.
    """
    from homelab.ops.install.keys import pin_key
    from homelab.ops.project.stack import find_stack

    for line in pin_key(cwd, find_stack(cwd, stack), host, key_file, replace=replace):
        print(line)


def _address(to: str) -> tuple[str, str]:
    user, at, address = to.rpartition("@")
    if not address or (at and not user) or address.startswith("-"):
        raise UsageError(f'--to: "{to}" is not user@address; write root@192.168.1.31')
    return user or "root", address


def _typed(question: str) -> str | None:
    if not sys.stdin.isatty():
        return None
    _say(question)
    return sys.stdin.readline().strip()


def _trusts(fingerprint: str) -> bool:
    if not sys.stdin.isatty():
        return False
    _say(
        f"The machine answers with the key {fingerprint}. On its console, ssh-keygen -lf "
        "/etc/ssh/ssh_host_ed25519_key.pub shows its own."
    )
    return typer.confirm("Are they the same?", err=True)


def passphrase(file: Path | None, what: str) -> Callable[[str], str | None]:
    """A function that reads the file, or asks on a terminal; None without either."""

    def ask(of: str) -> str | None:
        if file is not None:
            try:
                return file.read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{file}: cannot be read ({unreadable(error)})") from None
        if not sys.stdin.isatty():
            return None
        question = f"{what} ({of})"
        given: str = typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True)
        return given

    return ask


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
