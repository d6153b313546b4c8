"""`homelab eject`: write one flake of all hosts that works without homelab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from homelab.eject.clouds import remaining
from homelab.eject.files import ejected_files
from homelab.eject.flake import HostFlake
from homelab.ops.project.sources import read_sops_files, read_sources
from homelab.ops.project.stack import Stack
from homelab.ops.whole import write_files
from homelab.problems import HomelabError, UsageError
from homelab.render import modules_of
from homelab.system import arguments
from homelab.system.flakes import parts_of


@dataclass(frozen=True)
class Ejected:
    """What was written, and what is left elsewhere."""

    files: int
    hosts: tuple[str, ...]
    clouds: tuple[str, ...]


def eject(stack: Stack, directory: Path) -> Ejected:
    """Write the flake to a new or empty directory. Changes no host and no cloud.

    Raises UsageError for a directory with files, before anything is written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} is not an empty directory; name a new one")
    plan = stack.plan
    sources, _ = read_sources(stack.directory, plan)
    sources |= read_sops_files(stack.directory, plan)
    hosts = []
    for name in sorted(stack.releases):
        host = plan.hosts[name]
        modules = [*modules_of(plan, host), *arguments.modules(plan, host, sources)]
        hosts.append(HostFlake(host, parts_of(plan, host, modules, sources)))
    if not hosts:
        raise HomelabError(
            "hosts: none is deployed, so there is nothing to leave with; set state: live"
        )
    clouds = tuple(remaining(plan))
    files = ejected_files(plan, stack.releases, hosts, sources, clouds)
    write_files(directory, files, f"remove {directory}, fix that and run this again")
    return Ejected(len(files), tuple(stack.releases), clouds)
