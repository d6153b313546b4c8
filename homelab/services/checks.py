"""Rules about services and what their NixOS modules can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.catalog.options import lacks
from homelab.checks import check
from homelab.problems import Problem

if TYPE_CHECKING:
    from homelab.plan import Plan


@check("module-available", rows="S0-71")
def module_available(plan: Plan) -> Iterator[Problem]:
    """A module or an option that the pinned release lacks fails only when the host builds, after
    everything else has been changed already.
    """
    for service in plan.services:
        entry, release = service.entry, service.release
        pin = f"nixpkgs.{plan.hosts[service.host].config.nixpkgs}.release"
        if release < entry.since:
            yield Problem(
                service.source,
                f"{entry.title} needs NixOS {entry.since}, and {service.host} is pinned to {release}",
                f'set {pin} to "{entry.since}" or later, or run it on a host with another pin',
            )
        for path in sorted(p for k, v in service.config.options.items() for p in _paths(k, v)):
            why = lacks(entry, path, release)
            if why:
                yield Problem(
                    f"{service.source}.options",
                    f"{path} {why}, and {service.host} is pinned to {release}",
                    f"drop it, or change {pin}",
                )


def _paths(path: str, value: object) -> Iterator[str]:
    """A stated option's path, and the ones inside a set of options."""
    yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(f"{path}.{key}", inner)
