"""`homelab up`: `pulumi up` for some hosts, or in a mode of one run, without the long variables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from homelab.config.deploy import DeployMode
from homelab.deploy.modes import MODE, TARGET, targets_of
from homelab.ops.hosts import named
from homelab.plan import Plan
from homelab.problems import HomelabError


def pulumi_up(
    plan: Plan, hosts: Sequence[str], mode: DeployMode | None, *, yes: bool
) -> tuple[list[str], dict[str, str]]:
    """The words of the command without the stack, and its variables.

    A dry run is for hosts alone: without names, for all of them. Raises UsageError for a name that
    is no NixOS host of the stack.
    """
    chosen = [named(plan, name).name for name in hosts]
    if not chosen and mode == "dry":
        chosen = [h.name for h in plan.hosts.values() if h.is_nixos and h.config.state != "planned"]
    variables: dict[str, str] = {MODE: mode} if mode is not None else {}
    if chosen:
        variables[TARGET] = targets_of(chosen)
    return ["pulumi", "up", *(["--yes"] if yes else [])], variables


def become(words: Sequence[str], variables: dict[str, str], directory: Path, stack: str) -> None:
    """Replace this process by Pulumi. Raises HomelabError if it is not installed."""
    program = shutil.which(words[0])
    if program is None:
        raise HomelabError("pulumi is not on PATH; install it: https://www.pulumi.com/docs/install")
    given = [*words, "--stack", stack, "--cwd", str(directory)]
    os.execve(program, given, {**os.environ, **variables})  # noqa: S606
