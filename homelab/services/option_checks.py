"""Rules about NixOS options that the stack config says of a service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem
from homelab.services.options import clashes, misread

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.services.model import Service


@check("option-word", rows="S0-05 S0-09")
def option_word(plan: Plan) -> Iterator[Problem]:
    """A word such as `$secret` stands for what the plan knows; one that names nothing would reach
    the host as it is written.
    """
    for service in plan.services:
        for path, value in sorted(service.config.options.items()):
            for what, way_out in misread(value, plan, service):
                yield Problem(_where(service, path), what, way_out)


@check("option-path", rows="S0-09 S0-71")
def option_path(plan: Plan) -> Iterator[Problem]:
    """An option is named by its full path, and said once: of two values none is right."""
    for service in plan.services:
        for path, what, way_out in clashes(service):
            yield Problem(_where(service, path), what, way_out)


def _where(service: Service, path: str) -> str:
    return f"services.{service.name}.options" + (f".{path}" if path else "")
