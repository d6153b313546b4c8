"""`homelab adopt cloudflare` and `homelab adopt tailscale`: what the accounts have already."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from homelab.cli.lab import HERE, Directory, StackName

clouds_app = typer.Typer()


@clouds_app.command()
def cloudflare(stack: StackName = None, cwd: Directory = HERE) -> None:
    """Write the ids of existing records, applications and the tunnel into the stack file.

    Reads the zone and the account through the API, and changes nothing there. Names what no entry
    of the stack names: that stays untouched. Exits with 1 if something there would stop `up`.
    """
    from homelab.ops.adopt_clouds import account_lines, adopt_cloudflare
    from homelab.ops.project.stack import find_stack

    done = adopt_cloudflare(cwd, find_stack(cwd, stack))
    for line in account_lines(done):
        print(line)
    for text in done.existing.conflicts:
        print(f"error: {text}", file=sys.stderr)
    if done.existing.adopt:
        print("next: pulumi preview shows what an import changes; remove the ids after that up")
    raise typer.Exit(1 if done.existing.conflicts else 0)


@clouds_app.command()
def tailscale(
    replace_policy: Annotated[
        bool,
        typer.Option(
            "--replace-policy",
            help="Write the digest of the policy in force: the next up may replace it.",
        ),
    ] = False,
    stack: StackName = None,
    cwd: Directory = HERE,
) -> None:
    """Write the addresses of hosts that have joined into the stack file, and compare the policy.

    Reads the policy, the devices and the DNS settings through the API, and changes nothing there.
    Prints lines that keep what they say now, and what has no place in the stack.
    """
    from homelab.ops.adopt_clouds import adopt_tailscale, tailnet_lines
    from homelab.ops.project.stack import find_stack

    done = adopt_tailscale(cwd, find_stack(cwd, stack), replace_policy=replace_policy)
    for line in tailnet_lines(done):
        print(line)
    if done.drift is not None and not done.drift.is_ours and not replace_policy:
        print("next: add what you keep, then homelab adopt tailscale --replace-policy")
