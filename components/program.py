"""The program behind `__main__.py`: load, plan, check, then register."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import pulumi

from homelab.components.homelab import Homelab
from homelab.components.secret_resolver import SecretResolver
from homelab.components.tailnet import look
from homelab.components.targets import ALONE, hosts_alone
from homelab.config.deploy import DeployMode
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.deploy.git import GIT_CLEAN
from homelab.deploy.modes import MODE, mode_of
from homelab.ops.deploy.runner import write_runner
from homelab.ops.deploy.server import load_switches, serve_switches
from homelab.ops.project.rehearsed import deploys, is_rehearsed
from homelab.ops.project.stack import Stack, open_config, open_stack
from homelab.plan import Plan
from homelab.problems import HomelabError, InvalidStackError
from homelab.system.placeholders import HOST_PLACEHOLDER

CONFIRM = "HOMELAB_CONFIRM"
"""Environment variable with the name of the stack to deploy, for `deploy.require_confirm`."""
_FRAMES = 8
"""Six are the SDK's own, of a resource of a generated package."""


def main() -> Homelab:
    """Run the shipped program: `run`, without a traceback when the engine interrupts it."""
    sys.excepthook = _end_quietly
    return run()


def run(directory: Path | str = ".", *, config: StackConfig | None = None) -> Homelab:
    """Register the resources of the stack, and export its outputs.

    The stack is the one that Pulumi runs; its files are in `directory`. `config` takes the place of
    the settings in `Pulumi.<stack>.yaml`. Raises pulumi.RunError, which Pulumi prints without a
    traceback, before the first resource registers if anything is wrong.
    """
    directory, name = Path(directory), pulumi.get_stack()
    try:
        stack = (
            open_stack(directory, name, _values())
            if config is None
            else open_config(directory, name, config)
        )
    except HomelabError as error:
        raise pulumi.RunError(str(error)) from None
    homelab = register(stack)
    _export(stack.plan)
    return homelab


def register(stack: Stack, opts: pulumi.ResourceOptions | None = None) -> Homelab:
    """The resources of a stack that was opened, as one component. Nothing is exported.

    Several may be in one program. The one that has the name of Pulumi's stack has plain resource
    names; the names of every other one start with its own name. Raises pulumi.RunError if a secret
    that `up` needs cannot be read.
    """
    preview = pulumi.runtime.is_dry_run()
    try:
        mode = mode_of(os.environ)
        refuse_whole_dry_run(stack, mode, os.environ)
        if not preview and deploys():
            refuse_warnings(stack)
            refuse_unconfirmed(stack, os.environ)
        resolver = SecretResolver.open(
            stack.plan,
            str(stack.directory),
            preview=preview,
            hosts_alone=hosts_alone(os.environ),
        )
        if not preview:
            # Switches run in the program's directory, wherever the stack's files are.
            write_runner(Path.cwd(), serve_switches())
    except HomelabError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in stack.warnings:
        pulumi.log.warn(str(warning))
    with _short_stack_traces():
        homelab = Homelab(
            stack.name,
            {
                "plan": stack.plan,
                "releases": stack.releases,
                "resolver": resolver,
                "mode": mode,
                "look": look,
            },
            opts,
        )
    if not preview:
        load_switches()
    return homelab


def refuse_warnings(stack: Stack) -> None:
    """Raise InvalidStackError for warnings that stop an `up`: made-up keys or hardware of a host,
    and changes that are not committed.
    """
    found = [p for p in stack.warnings if p.check in (GIT_CLEAN, HOST_PLACEHOLDER)]
    if found:
        raise InvalidStackError(replace(p, severity="error") for p in found)


def refuse_unconfirmed(stack: Stack, environment: Mapping[str, str]) -> None:
    """Raise HomelabError if the stack asks for a confirmation and there is none."""
    given = environment.get(CONFIRM, "")
    if stack.plan.stack.deploy.require_confirm and given != stack.name:
        what = f'{CONFIRM} is "{given}"' if given else f"{CONFIRM} is not set"
        raise HomelabError(
            f"deploy.require_confirm: {what}, so nothing is deployed; to deploy this stack: "
            f"{CONFIRM}={stack.name} pulumi up"
        )


def refuse_whole_dry_run(
    stack: Stack, mode: DeployMode | None, environment: Mapping[str, str]
) -> None:
    """Raise HomelabError for a dry run of hosts that would change clouds, which has no dry run."""
    if mode != "dry" or hosts_alone(environment):
        return
    if stack.plan.cloudflare or stack.plan.tailnet:
        way_out = (
            # The lab has no targets.
            "in the lab, write homelab:deploy: {mode: dry} in the stack: then the hosts are tried, "
            "and its stand-ins for clouds follow the stack"
            if is_rehearsed()
            else f"run it for the hosts alone: {ALONE} {MODE}=dry pulumi up; pulumi preview shows "
            "the rest"
        )
        raise HomelabError(
            f"{MODE}=dry is a dry run of hosts, and this run would also change Cloudflare or "
            f"Tailscale; {way_out}"
        )


@contextmanager
def _short_stack_traces() -> Iterator[None]:
    """Registers resources with the nearest frames of their stack instead of all.

    The SDK records the stack of each registration in the state, which is 1.7 kB for each file of a
    host and the largest part of what a registration costs in Python. It has no option for that, and
    reads the stack with `traceback`, which heeds this limit.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = _FRAMES
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


def _end_quietly(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print no traceback for an interruption. The engine interrupts the program when a resource
    fails, and a traceback would hide the message of that resource.
    """
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def _values() -> dict[str, Value]:
    """The stack's settings as Pulumi hands them over."""
    config = pulumi.Config("homelab")
    found = {section: config.get_object(section) for section in StackConfig.model_fields}
    return {section: value for section, value in found.items() if value is not None}


def _export(plan: Plan) -> None:
    """What a router needs. No list of routes: every `up` prints all outputs."""
    pulumi.export("entry", plan.hosts[plan.stack.network.entry.host].lan)
    pulumi.export("lan_dns", plan.hosts[plan.dns.host].lan if plan.dns.host else "")
