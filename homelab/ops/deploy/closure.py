"""Build a release on another machine than its host, and copy the system to the host.

Everything goes over homelab's own connections: the host and the builder need no key of each other.
The host's Nix takes what root sends, without a signature; whoever can be root there decides anyway
what it runs.
"""

from __future__ import annotations

from pydantic import model_validator

from homelab.config.base import HostKey, Model, Name, Str
from homelab.deploy import scripts
from homelab.deploy.status import HostFacts
from homelab.ops.deploy.inputs import InputSpec, bring_inputs
from homelab.ops.deploy.switch import Report
from homelab.ops.install.builder import Builder
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import DialError, DialMap
from homelab.problems import HomelabError


class ClosureSpec(Model):
    """How another machine builds a release; `homelab.deploy.closures` writes it."""

    release: Str
    script: Str
    """Builds it there."""
    host: Name | None = None
    """The host that builds; None: this machine."""
    paths: tuple[HostPath, ...] = ()
    host_key: HostKey | None = None
    inputs: tuple[InputSpec, ...] = ()
    """Private inputs that this machine fetches for a host that builds."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> ClosureSpec:
        if self.host is not None and (not self.paths or self.host_key is None):
            raise ValueError("a builder has paths and a host key")
        return self


async def bring_closure(
    spec: ClosureSpec, target: HostLink, stack: str, dial_map: DialMap | None, report: Report
) -> None:
    """Return when the release has its system on the host; a release that has one is left as it is.

    Raises HomelabError.
    """
    done = await target.ask(scripts.status_script(spec.release))
    if done.exit != 0:
        raise DialError(f"{target.name}: its status script failed: {done.last_line}")
    if HostFacts.parse(done.stdout)["built"]:
        return
    link = _link(spec, target, dial_map)
    builder = Builder(link)
    try:
        if link is not None:
            await bring_inputs(spec.inputs, link, report)
        report(f"{target.name}: {builder.name} builds release {spec.release}")
        system = (await builder.make(spec.script, report))["system"]
        await builder.copy(system, target, "", lambda text: report(f"{target.name}: {text}"))
    finally:
        await builder.close()
    done = await target.ask(scripts.receive_script(spec.release, system, stack=stack), None)
    if done.exit != 0:
        raise HomelabError(f"{target.name}: {done.stderr.strip().removeprefix('homelab: ')}")


def _link(spec: ClosureSpec, target: HostLink, dial_map: DialMap | None) -> HostLink | None:
    """The connection to the builder; None for this machine."""
    if spec.host is not None and spec.host_key is not None:
        return HostLink(spec.host, spec.paths, spec.host_key, dial_map)
    if dial_map is None:
        return None
    # A rehearsal builds nothing on the deployer: the stand-in of the host takes its place.
    return HostLink(target.name, target.paths, target.host_key, dial_map)
