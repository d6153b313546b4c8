"""The program behind `__main__.py`: load, plan, check, then register."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

import pulumi

from homelab.components.homelab import Homelab
from homelab.components.secret_resolver import SecretResolver
from homelab.components.targets import hosts_alone
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.ops.deploy.runner import write_runner
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError
from homelab.tailnet.direct import tailnet_urls


def run(directory: Path) -> None:
    """Register everything that the stack asks for.

    Raises pulumi.RunError, which Pulumi prints without a traceback, before the first resource
    registers if anything is wrong.
    """
    sys.excepthook = _end_quietly
    try:
        stack = open_stack(directory, pulumi.get_stack(), _values())
        resolver = SecretResolver.open(
            stack.plan,
            str(directory),
            preview=pulumi.runtime.is_dry_run(),
            hosts_alone=hosts_alone(os.environ),
        )
        if not pulumi.runtime.is_dry_run():
            write_runner(directory)
    except HomelabError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in stack.warnings:
        pulumi.log.warn(str(warning))
    homelab = Homelab(
        stack.name, {"plan": stack.plan, "releases": stack.releases, "resolver": resolver}
    )
    _export(stack, homelab)


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
    pulumi.export(
        "services_by_host",
        {h: sorted({s.name for s in plan.on(h)}) for h in sorted(plan.hosts) if plan.on(h)},
    )
    pulumi.export(
        "routes",
        {
            r.name: {"url": r.url, "service": r.service, "host": r.host, "upstream": r.upstream}
            for r in plan.routes
        },
    )
    # By name, not as a list: one changed port must show as one changed line.
    ports: dict[str, dict[str, str]] = {}
    for p in plan.ports:
        ports.setdefault(p.host, {})[f"{p.port}/{p.protocol}"] = p.owner
    pulumi.export("ports", ports)
    # A held host does not run what would be its release.
    going = {
        h: r for h, r in sorted(stack.releases.items()) if plan.hosts[h].config.state != "held"
    }
    # What each is to run; `homelab lab status` and the hosts themselves tell what each runs.
    pulumi.export("wanted_releases", {h: r.id for h, r in going.items()})
