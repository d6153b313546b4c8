"""The size of hand-written modules."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import file_check
from homelab.nix.header import is_made
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host
from homelab.system.own import Sources, carried, named_at, own_paths

LONGEST = 300
"""Most lines of a module that is still read as a whole."""

MODULE_SIZE = file_check(
    "module-size",
    "warning",
    f"A module of your own with more than {LONGEST} lines has several subjects: nobody reads it as "
    "a whole, and a change of one subject is hard to tell from one of another. A file whose header "
    "says that a program generated it may be longer.",
)


def check_module_sizes(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Hand-written Nix files that are too long, each once for all hosts that have it."""
    reported: set[str] = set()
    for host in plan.hosts.values():
        for name, content in carried(host, sources).items():
            if name in reported or not name.endswith(".nix") or not isinstance(content, str):
                continue
            lines = len(content.splitlines())
            if lines > LONGEST and not is_made(content):
                reported.add(name)
                yield Problem(
                    _named(host, name),
                    f"{name} has {lines} lines; a module is read as a whole up to {LONGEST}",
                    "take a subject out into a file beside it: imports = [ ./backup.nix ];",
                    check=MODULE_SIZE,
                    severity="warning",
                )


def _named(host: Host, name: str) -> str:
    """The place that names the file, or the directory that it is in; else the host."""
    path = next((p for p in own_paths(host) if name == p or name.startswith(f"{p}/")), None)
    return named_at(host, path) if path is not None else host.source
