"""`homelab send`: one script of `pulumi up` on a host that Pulumi's own SSH does not reach."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from pydantic import Field, ValidationError

from homelab.config.base import HostKey, Model, Name, Str
from homelab.ops.deploy.before import BeforeSpec, prepared
from homelab.ops.deploy.closure import ClosureSpec, bring_closure
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import Completed, DialMap
from homelab.problems import HomelabError


class SendSpec(Model):
    """A script and the way to its host, as JSON on standard input. It may hold secrets."""

    host: Name
    paths: Annotated[tuple[HostPath, ...], Field(min_length=1)]
    host_key: HostKey
    script: Str
    closure: ClosureSpec | None = None
    """For a build: another machine builds first."""
    before: BeforeSpec | None = None
    """For a build on the host: what it gets first."""
    stack: Str = ""
    """The stack that runs this."""


def run(spec_json: str, *, output: Callable[[str], None], report: Callable[[str], None]) -> int:
    """Run the script; its exit code. 2: bad spec."""
    try:
        spec = SendSpec.model_validate_json(spec_json)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            where = ".".join(str(part) for part in problem["loc"]) or "spec"
            report(f"{where}: {problem['msg']}; `homelab send` reads the spec of `pulumi up`")
        return 2
    try:
        done = asyncio.run(_send(spec, report))
    except HomelabError as error:
        report(str(error))
        return 1
    output(done.stdout)
    for line in done.stderr.splitlines():
        report(line)
    return 1 if done.exit < 0 else done.exit


async def _send(spec: SendSpec, report: Callable[[str], None]) -> Completed:
    dial_map = DialMap.from_environment()
    link = HostLink(spec.host, spec.paths, spec.host_key, dial_map)
    try:
        if spec.closure is not None:
            await bring_closure(spec.closure, link, spec.stack, dial_map, report)
        script = spec.script
        if spec.before is not None:
            script = await prepared(spec.before, link, script, report)
        # A build takes as long as it takes.
        return await link.ask(script, None)
    finally:
        await link.close()
