"""What the machine that builds a first system gets: binary caches, their passwords, private inputs.

The system itself has none of it. Its host learns the caches from the first `pulumi up`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from homelab.deploy.before_build import lent_netrc, sent_inputs
from homelab.deploy.model import Release
from homelab.deploy.private_inputs import inputs_of_release
from homelab.ops.deploy.before import passwords
from homelab.ops.deploy.inputs import InputSpec, bring_inputs
from homelab.ops.install.model import Report
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import DialMap
from homelab.plan import Plan
from homelab.secret_paths import sops_file
from homelab.system.model import Host
from homelab.system.store import cache_flags


@dataclass(frozen=True)
class Lent:
    """What Nix gets for one build."""

    options: tuple[str, ...] = ()
    """The binary caches of the host, as options of Nix."""
    netrc: str = field(default="", repr=False)
    """Their passwords."""


async def send_inputs(
    plan: Plan, tree: Release, builder: HostLink, report: Report, *, installer: bool = False
) -> None:
    """Return when the builder's store has the private inputs of a tree. Raises HomelabError.

    The stack says which ones hosts fetch with keys of their own. An installer has no such key,
    which is reported.
    """
    sent = [InputSpec.model_validate(each) for each in sent_inputs(plan.stack, tree)]
    await bring_inputs(sent, builder, report)
    paths = {each.path for each in sent}
    for each in inputs_of_release(tree, ()):
        if installer and each.path not in paths:
            report(
                f"{builder.name}: the installer fetches the private input {each.name} itself, and "
                "has no key for it; build where there is one: --build here, or a host of the stack"
            )


async def lent(
    directory: Path, plan: Plan, host: Host, dial_map: DialMap | None, report: Report
) -> Lent:
    """The host's binary caches for its first build. A password that cannot be read is reported; a
    rehearsal reads none.
    """
    options = tuple(cache_flags(host))
    ref = lent_netrc(host)
    if ref is None or dial_map is not None:
        return Lent(options)
    file = sops_file(plan.stack, host.name, ref.sops or "")
    return Lent(options, await passwords(ref, directory, file, host.name, report))
