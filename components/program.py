"""The program behind `__main__.py`: load, plan, check, then register."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

import pulumi

from homelab.components.homelab import Homelab
from homelab.components.secret_resolver import SecretResolver
from homelab.components.tailnet import look
from homelab.components.targets import hosts_alone
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.ops.deploy.runner import write_runner
from homelab.ops.project.stack import Stack, open_config, open_stack
from homelab.problems import HomelabError
from homelab.tailnet.direct import tailnet_urls


def main() -> Homelab:
    """What a `__main__.py` calls that is nothing but the homelab: `run`, and a program that ends
    quietly when the engine interrupts it.
    """
    sys.excepthook = _end_quietly
    return run()


def run(directory: Path | str = ".", *, config: StackConfig | None = None) -> Homelab:
    """Register everything that the stack asks for, and export what it leads to.

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
    _export(stack, homelab)
    return homelab


def register(stack: Stack, opts: pulumi.ResourceOptions | None = None) -> Homelab:
    """The resources of a stack that was opened, as one component. Nothing is exported.

    Several may be in one program. The one that has the name of Pulumi's stack has plain resource
    names; those of each other one start with its name. Raises pulumi.RunError if a secret that an
    `up` needs is not to be had.
    """
    preview = pulumi.runtime.is_dry_run()
    try:
        resolver = SecretResolver.open(
            stack.plan,
            str(stack.directory),
            preview=preview,
            hosts_alone=hosts_alone(os.environ),
        )
        if not preview:
            # Switches run in the program's directory, wherever the stack's files are.
            write_runner(Path.cwd())
    except HomelabError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in stack.warnings:
        pulumi.log.warn(str(warning))
    return Homelab(
        stack.name,
        {
            "plan": stack.plan,
            "releases": stack.releases,
            "resolver": resolver,
            "look": look,
        },
        opts,
    )


def _end_quietly(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Say nothing of an interruption: with one, the engine ends the program when a resource fails,
    and Python's traceback would bury what that resource had to say.
    """
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def _values() -> dict[str, Value]:
    """The stack's settings as Pulumi hands them over."""
    config = pulumi.Config("homelab")
    found = {section: config.get_object(section) for section in StackConfig.model_fields}
    return {section: value for section, value in found.items() if value is not None}


def _export(stack: Stack, homelab: Homelab) -> None:
    plan = stack.plan
    entry = plan.hosts[plan.stack.network.entry.host]
    pulumi.export("urls", homelab.urls)
    # Past the proxy, for clients that pass no gate.
    pulumi.export("tailnet_urls", tailnet_urls(plan))
    pulumi.export("lan_dns", plan.hosts[plan.dns.host].lan if plan.dns.host else "")
    pulumi.export("entry", entry.lan)
    # A held host does not run what would be its release.
    going = {
        h: r for h, r in sorted(stack.releases.items()) if plan.hosts[h].config.state != "held"
    }
    # What each is to run; `homelab lab status` and the hosts themselves tell what each runs.
    pulumi.export("wanted_releases", {h: r.id for h, r in going.items()})
